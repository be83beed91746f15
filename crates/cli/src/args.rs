//! What can be asked for on the command line: here the commands and what they share; the arguments of each stand with it.

#[cfg(feature = "aws")]
use crate::doctor::DoctorArgs;
#[cfg(feature = "aws")]
use crate::worker::WorkerArgs;
use crate::{
    alert::AlertArgs, baseline::BaselineArgs, config::ConfigArgs, detectors::DetectorsArgs,
    evaluate::EvaluateArgs, explain::ExplainArgs, report::ReportArgs, rules::RulesArgs, run::ReplayArgs,
    schema::SchemaArgs, shell::CompletionsArgs, shell::ManArgs, simulate::SimulateArgs, tune::TuneArgs,
};
use clap::{Parser, Subcommand, ValueEnum};
use kmswatch_engine::finding::Severity;

/// Finds misuse of AWS KMS keys in CloudTrail logs
#[derive(Debug, Parser)]
#[command(
    name = "kmswatch",
    version,
    max_term_width = 100,
    after_help = "Start with:\n  \
        kmswatch replay ./AWSLogs          what is in these logs\n  \
        kmswatch detectors                 what can be found\n  \
        kmswatch simulate --out ./sample   logs to try it on"
)]
pub(crate) struct Args {
    /// When to use colours: NO_COLOR is obeyed
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(ReplayArgs),
    Explain(ExplainArgs),
    Alert(AlertArgs),
    Baseline(BaselineArgs),
    Tune(TuneArgs),
    Report(ReportArgs),
    Detectors(DetectorsArgs),
    Rules(RulesArgs),
    Config(ConfigArgs),
    Schema(SchemaArgs),
    Simulate(SimulateArgs),
    Evaluate(EvaluateArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    #[cfg(feature = "aws")]
    Worker(WorkerArgs),
    #[cfg(feature = "aws")]
    Doctor(DoctorArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes it the choice of everything that is printed from now on.
    pub(crate) fn apply(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// False alerts a week.
pub(crate) fn budget(text: &str) -> Result<f64, String> {
    let allowed = 0.01..=1_000.0;
    text.parse().ok().filter(|budget| allowed.contains(budget)).ok_or_else(|| "write 0.01 to 1000".to_owned())
}

/// The name of a severity.
pub(crate) fn severity() -> impl clap::builder::TypedValueParser<Value = Severity> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(Severity::ALL.map(Severity::name)).map(|name| {
        Severity::ALL.into_iter().find(|severity| severity.name() == name).unwrap_or(Severity::Info)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn a_budget_of_nothing_is_refused() {
        let parse = |budgets: &str| Args::try_parse_from(["kmswatch", "evaluate", "--budgets", budgets]);
        assert!(parse("0.25,1,4").is_ok());
        for bad in ["0", "nan", "1,", "-1", "1e9"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_with_eleven_digits_is_refused() {
        assert!(Args::try_parse_from(["kmswatch", "replay", "--account", "11112222333", "x"]).is_err());
        assert!(Args::try_parse_from(["kmswatch", "replay", "--account", "111122223333", "x"]).is_ok());
    }
}
