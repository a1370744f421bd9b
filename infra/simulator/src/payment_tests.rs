use super::*;

fn at(seconds: u64) -> SimTime {
    SimTime(Duration::from_secs(seconds))
}

fn create(spec: PaymentSpec) -> Payment {
    Payment::create(spec, 1, Seed(1), at(0))
}

#[test]
fn statuses_go_there_and_back() {
    for text in ["Pending", "InProcessing", "Success", "Declined", "Error", "Timeout", "Partial", "success", ""] {
        assert_eq!(Status::from(text.to_owned()).as_str(), text);
    }
    assert_eq!(Status::from("Partial".to_owned()), Status::Other("Partial".to_owned()));
}

#[test]
fn the_status_api_shows_the_truth_of_one_lag_ago() {
    let mut payment = create(PaymentSpec::new(Kind::MbWay, 1590).lag(Duration::from_secs(60)));
    payment.change(&Status::Success.into(), at(10));
    payment.change(&Status::Declined.into(), at(100));
    let shown: Vec<_> = [0, 69, 70, 159, 160].map(|s| payment.shown(at(s)).status.to_string()).into();
    assert_eq!(shown, ["Pending", "Pending", "Success", "Success", "Declined"]);
    assert_eq!(payment.truth().status, Status::Declined);
}

#[test]
fn a_lag_set_later_does_not_hide_what_was_shown() {
    let mut payment = create(PaymentSpec::new(Kind::MbWay, 1590));
    payment.change(&Status::Success.into(), at(10));
    payment.lag = Duration::from_secs(60);
    payment.change(&Status::Declined.into(), at(15));
    let shown: Vec<_> = [9, 10, 15, 74, 75].map(|s| payment.shown(at(s)).status.to_string()).into();
    assert_eq!(shown, ["Pending", "Success", "Success", "Success", "Declined"]);
}

#[test]
fn return_codes_are_those_seen() {
    let code = |kind, steps: &[Status]| {
        let mut payment = create(PaymentSpec::new(kind, 100));
        for status in steps {
            payment.change(&status.clone().into(), at(1));
        }
        payment.truth().return_code.clone()
    };
    assert_eq!(code(Kind::MbWay, &[Status::Declined]), "01.106.0004");
    assert_eq!(code(Kind::Card, &[Status::Declined]), "E0119");
    assert_eq!(code(Kind::MbWay, &[Status::Success, Status::Declined]), "10.106.0001");
    assert_eq!(code(Kind::Card, &[Status::Error]), "T9999");
    assert_eq!(code(Kind::Card, &[Status::Success]), "000");
}

#[test]
fn a_reference_is_paid_with_success_unless_said_otherwise() {
    let mut payment = create(PaymentSpec::new(Kind::Reference, 100));
    assert_eq!(payment.truth().reference_paid, Some(false));
    payment.change(&Change::reference_generated(), at(1));
    assert_eq!((payment.truth().status.clone(), payment.truth().reference_paid), (Status::Success, Some(false)));
    payment.change(&Status::Success.into(), at(2));
    assert_eq!(payment.truth().reference_paid, Some(true));
    assert_eq!(create(PaymentSpec::new(Kind::MbWay, 1)).truth().reference_paid, None);
}

#[test]
fn the_seed_replays_a_payment() {
    let draw = |seed, number| {
        let payment = Payment::create(PaymentSpec::new(Kind::Card, 1), number, Seed(seed), at(0));
        (payment.transaction_id, payment.merchant_transaction_id, payment.phone, payment.style)
    };
    assert_eq!(draw(1, 1), draw(1, 1));
    assert_ne!(draw(1, 1), draw(2, 1));
    assert_ne!(draw(1, 1), draw(1, 2));
}

#[test]
fn a_spec_in_json_needs_a_kind_and_an_amount() {
    let spec: PaymentSpec = serde_json::from_str(r#"{"kind":"mbWay","amount":"15.90"}"#).unwrap();
    assert_eq!(spec, PaymentSpec::new(Kind::MbWay, 1590));
    assert!(serde_json::from_str::<PaymentSpec>(r#"{"kind":"mbWay","amount":1,"amonut":2}"#).is_err());
}
