#[cfg(feature = "function")]
mod config;
#[cfg(feature = "function")]
mod handler;
#[cfg(feature = "function")]
mod lambda;
mod stream;

#[cfg(feature = "function")]
pub use config::Config;
#[cfg(feature = "function")]
pub use handler::Publisher;
#[cfg(feature = "function")]
pub use lambda::{LambdaPublisher, Unpublished};
pub use stream::{StreamEvent, UnreadableRecord, read};
