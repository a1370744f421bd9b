//! HTTPS on loopback: an authority and a certificate that are made for this run, and what makes a function trust them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Where the machine's own authorities usually are. A function that reads them takes the time that it takes on AWS.
const SYSTEM_AUTHORITIES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
const FILE: &str = "authorities.pem";

/// A certificate for `localhost` and 127.0.0.1, for [`crate::Aws::start_tls`] and [`crate::StatusApi::start_tls`].
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    authorities: PathBuf,
}

impl Tls {
    /// Makes it anew; the authorities, the test's and the machine's, go into a file in this folder.
    ///
    /// # Panics
    /// If the folder cannot be written to.
    pub fn create(folder: &Path) -> Self {
        let mut authority = CertificateParams::default();
        // Two names, or OpenSSL takes what the authority signs for signed by itself.
        authority.distinguished_name.push(DnType::CommonName, "authority of the harness");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("randomness");
        let root = authority.self_signed(&key).expect("a valid authority");
        let issuer = Issuer::new(authority, key);

        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut server = CertificateParams::new(names).expect("valid names");
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().expect("randomness");
        let certificate = server.signed_by(&key, &issuer).expect("a valid certificate");

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's own versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("the certificate's own key");

        let system = SYSTEM_AUTHORITIES.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let authorities = folder.join(FILE);
        fs::write(&authorities, format!("{system}\n{}", root.pem())).expect("a folder that can be written to");
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), authorities }
    }

    /// The file with the authorities.
    pub fn authorities(&self) -> &Path {
        &self.authorities
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}
