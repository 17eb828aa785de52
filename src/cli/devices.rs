//! `keydredge devices`: the adapters, and which one is used and why.

use std::io::{self, Write};

use super::exit::{Ended, Failure};

#[cfg(feature = "gpu")]
pub(super) fn run() -> Result<Ended, Failure> {
    use crate::anchor::cpu::Tier;
    use crate::anchor::gpu::device::{About, Choice, adapters, select};
    use crate::report::terminal::visible;
    use crate::unit::human_bytes;

    let abouts: Vec<About> = adapters()
        .into_iter()
        .map(|adapter| adapter.about)
        .collect();
    let auto = select(&abouts, &Choice::Auto);
    let mut out = io::stdout().lock();
    for (index, (about, verdict)) in abouts.iter().zip(&auto.verdicts).enumerate() {
        writeln!(out, "{index}  {}", visible(&about.to_string()))?;
        writeln!(
            out,
            "   driver {}, vendor {:#06x}, device {:#06x}; storage binding {}, buffer {}, workgroup \
             memory {}",
            visible(&about.driver),
            about.vendor,
            about.device,
            human_bytes(about.storage_binding),
            human_bytes(about.buffer),
            human_bytes(about.workgroup_storage.into()),
        )?;
        writeln!(out, "   --engine auto: {verdict}")?;
    }
    if abouts.is_empty() {
        writeln!(
            out,
            "No GPU: no Vulkan, Metal or DirectX 12 driver lists an adapter."
        )?;
    }
    match auto.taken {
        Some(index) => writeln!(out, "\n`--engine auto` uses adapter {index}.")?,
        None => {
            let tier = Tier::available()
                .last()
                .map_or_else(String::new, Tier::to_string);
            writeln!(out, "\n`--engine auto` uses the CPU: {tier}.")?;
        }
    }
    if let (None, Some(index)) = (auto.taken, select(&abouts, &Choice::Any).taken) {
        writeln!(out, "`--engine gpu` uses adapter {index}.")?;
    }
    Ok(Ended::Complete)
}

#[cfg(not(feature = "gpu"))]
pub(super) fn run() -> Result<Ended, Failure> {
    writeln!(
        io::stdout(),
        "This build has no GPU engine (feature `gpu`); the CPU is used."
    )?;
    Ok(Ended::Complete)
}
