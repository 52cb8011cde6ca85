//! The page of the grammar: each example reads, and between them they use all that there is.

use tilescope::schedule::language::{Function, Over, Setting, TEXTS, Test, closed_form, counted};
use tilescope::schedule::{Plan, Tiling};

use super::read;

const PAGE: &str = include_str!("../../src/schedule/language/README.md");

fn examples() -> Vec<&'static str> {
    PAGE.split("```tile\n").skip(1).map(|rest| rest.split("```").next().expect("an end")).collect()
}

#[test]
fn each_example_reads_and_is_counted() {
    let examples = examples();
    assert!(examples.len() >= 4, "{} examples", examples.len());
    for text in examples {
        let algorithm = read(text);
        let plan = Plan::new(11, 13, 3, Tiling { br: 4, bc: 3 }, tilescope::attention::Precision::F32);
        let setting = Setting { splits: 3, heads: 2, ..Setting::new(plan) };
        assert_eq!(counted(&algorithm, &setting).total(), closed_form(&algorithm, &setting).total(), "{text}");
    }
}

#[test]
fn the_examples_use_every_word() {
    let lines: Vec<&str> = examples().into_iter().flat_map(str::lines).collect();
    let has = |word: &str| lines.iter().any(|line| line.contains(word));
    let mut words: Vec<String> = Function::ALL.map(|function| format!("{}(", function.name())).to_vec();
    words.extend(Test::ALL.map(|test| format!(" {}", test.phrase())));
    words.extend(Over::ALL.map(|over| format!("in {}", over.phrase())));
    let others = "language |title |variant of |without |in  |out  |hbm  |blocks |ideal|report |average |after |lanes |overlap |kernel |shared |registers |over keys|parallel for|reversed|load |once|store |fill |add |+=|per row of|per key of|per row|per key|where hidden|by diagonal + |by other corner|when |unless |@|^T|scale|cap|slope|sink|distance|keep| + | - | * | / |>=| > |:acc|[h,j]|[i,s]|-inf";
    words.extend(others.split('|').map(str::to_owned));
    let missing: Vec<&String> = words.iter().filter(|word| !has(word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The first example is the algorithm that comes with the program, without modifiers.
#[test]
fn the_texts_of_the_program_have_no_notes() {
    for (name, text) in TEXTS {
        assert_eq!(read(text).notes, [], "{name}");
    }
}

/// Two statements of which one always holds give a name its value, also where one condition says more than the other.
#[test]
fn one_of_two_statements_is_enough() {
    let text = |other: &str| {
        format!(
            "language 1\ntitle x\nin Q K\nout P\nkernel k\nshared Q, K ; registers P S\nparallel for i in query blocks\n  load Q[i]\n  \
             for j in key blocks\n    load K[j]\n    scores: S = Q @ K^T; P = S when full; P = 2 * S {other}\n    store P[i,j]\n"
        )
    };
    read(&text("unless full"));
    let wrong = tilescope::schedule::language::read(&text("unless seen")).expect_err("a partial tile has no P");
    assert!(wrong[0].what.to_string().contains("need not hold here"), "{}", wrong[0]);
}

/// Two statements under one condition give a name no value where it does not hold.
#[test]
fn one_condition_twice_is_not_enough() {
    let text = "language 1\ntitle x\nin Q K\nout P\nkernel k\nshared Q, K ; registers P S\nparallel for i in query blocks\n  load Q[i]\n  \
                for j in key blocks\n    load K[j]\n    scores: S = Q @ K^T; P = S when full; P = 2 * S when full\n    store P[i,j]\n";
    let wrong = tilescope::schedule::language::read(text).expect_err("a partial tile has no P");
    assert!(wrong[0].what.to_string().contains("need not hold here"), "{}", wrong[0]);
}
