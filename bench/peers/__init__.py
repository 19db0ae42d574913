"""The tools that ours is measured beside, in the same run: `python -m bench.peers`.

A figure of one tool on one day says little: other load, another processor. So each peer judges the
same messages by the same rules in turn with ours, round by round, and what counts is the ratio.
Every module here has

    measure(work, rounds) -> [{"name", "version", "messages", "seconds", "per_second", "hits",
                               "same_hits", "ratio", "expresses", ...}]

one entry for each way of using the tool (`rounds.told`), or {"name", "missing": why} where the tool
cannot be had on this machine. Ours is `work.ours`: the matcher of the job in batches of 1,000, from
bytes to packed hits, CPU seconds of one core.

- `bare`: one field decoded, one pass of Hyperscan. No tool but the limit: what there is to do at
  least.
- `rsigma`: an engine for Sigma rules, in Rust.
- `loop`: a plain Python consumer that asks every rule of every message; also from a real Kafka.
- `naive_job`: the same loop as a PyFlink DataStream job that keeps a count for every sender.
- `flink_sql`: LIKE and REGEXP in Flink SQL; MATCH_RECOGNIZE for what follows one another. No
  Python in it.
- `sensitive_word`: houbb/sensitive-word, in Java, for words and their disguises.
- `presidio`: Microsoft's analyser for numbers that identify somebody, pattern recognisers only.

What the figures leave out, in favour of the peers: none but ours checks the whole record against
its schema and sets a bad one aside, knows a message that came twice, places it in event time, folds
what disguises a word (but `sensitive_word`, in part), and packs hits so that an alert can prove
itself. The words here are written plainly, or the peers would find less.

In favour of ours: CPU seconds of the pure core on one core, without what carries a message to it; a
job of Flink bears source, network and checkpoints as well, which ours in its job does too. So the
ratios to `naive_job` and `flink_sql` are what a shape costs, not what two engines do in the same
place. Peers may read one field and no more, where ours reads all; but the JVM's compiler takes
seconds that a longer run would spread over more messages. Rules are of five words each; a tool that
is quick with one large list of words would like it better without rules.
"""
