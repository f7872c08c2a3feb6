//! The probe `http`: whether an address answers as it should, and how fast. Follows no redirect, keeps no cookie,
//! and never sends what came from elsewhere.

use std::time::Duration;

use super::probes::{Raw, no_data};
use crate::clock::Clock;
use crate::evidence::{Expect, Observed, Reading};
use crate::playbook::HttpProbe;
use crate::text::printable;
use crate::units::{ErrorChain, Mark};

/// In drill time, unless the check says.
const USUAL: Duration = Duration::from_secs(5);
/// An answer that takes longer, in real time, is none.
const ANSWER: Duration = Duration::from_secs(5);

/// What the expectation is about.
#[derive(Clone, Copy)]
enum Measures {
    /// One answer of one.
    Answers,
    /// Seconds until the answer began.
    Seconds,
}

fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<std::net::IpAddr>();
        bare == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}

fn client(url: &reqwest::Url) -> Result<reqwest::Client, String> {
    // Another part of the program may have installed it already; both mean the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(ANSWER)
        .timeout(ANSWER)
        // A connection that is kept would hide that no new one can be made.
        .pool_max_idle_per_host(0);
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    let made = builder.build();
    made.map_err(|error| {
        format!(
            "cannot make an HTTP client: {}; not measured",
            ErrorChain::of(&error)
        )
    })
}

/// Asks again and again. Judged by `all` (or by nothing said) it is one answer of one; judged by a number it is
/// the time to the answer in seconds, and no answer is no data.
pub(super) fn ask(
    clock: &Clock,
    probe: &HttpProbe,
    (every, expect): (Option<Duration>, Option<&Expect>),
    raw: Raw,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let url: reqwest::Url = probe.url.parse().map_err(|error| {
        format!(
            "cannot read the address `{}`: {error}; not measured",
            printable(&probe.url)
        )
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "{} addresses cannot be asked; not measured",
            url.scheme()
        ));
    }
    let client = client(&url)?;
    let measures = match expect {
        None | Some(Expect::All) => Measures::Answers,
        Some(Expect::Compare { .. } | Expect::Range { .. }) => Measures::Seconds,
    };
    let (clock, wanted, every) = (clock.clone(), probe.status, every.unwrap_or(USUAL));
    Ok(async move {
        let mut next = clock.mark();
        loop {
            clock.reach(next).await;
            let asked = clock.mark();
            next = asked.after(every);
            let answer = client.get(url.clone()).send().await;
            // An address may hold a password; what failed is said without it.
            let status = answer
                .map(|answer| answer.status().as_u16())
                .map_err(reqwest::Error::without_url);
            let reading = read(&status, wanted, (asked, clock.mark()), measures);
            // Between two questions anything may have been.
            let resolution = every.max(clock.mark().since(asked));
            if raw
                .send(Reading {
                    resolution,
                    ..reading
                })
                .is_err()
            {
                return;
            }
        }
    })
}

fn read(
    answer: &Result<u16, reqwest::Error>,
    wanted: Option<u16>,
    (asked, now): (Mark, Mark),
    measures: Measures,
) -> Reading {
    let failure = match (answer, wanted) {
        (Ok(status), Some(wanted)) if *status == wanted => None,
        (Ok(status), None) if (200..400).contains(status) => None,
        (Ok(status), _) => Some(format!("it answers {status}")),
        (Err(error), _) => Some(ErrorChain::of(error).to_string()),
    };
    let observed = match (measures, &failure) {
        (Measures::Answers, _) => Observed::Parts {
            have: u32::from(failure.is_none()),
            want: 1,
        },
        (Measures::Seconds, None) => Observed::Number {
            value: now.since(asked).as_secs_f64(),
        },
        (Measures::Seconds, Some(why)) => return no_data(now, why.clone()),
    };
    Reading {
        at: now,
        observed,
        resolution: Duration::ZERO,
    }
}
