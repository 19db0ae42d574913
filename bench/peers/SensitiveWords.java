import com.github.houbb.sensitive.word.bs.SensitiveWordBs;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** houbb/sensitive-word over texts: `java SensitiveWords WORDS TEXTS`, see sensitive_word.py.
 *
 * WORDS has lines of "rule TAB word", TEXTS one text a line. Prints the pairs of a text and a rule
 * that it hits, and CPU seconds of one pass of this thread over all texts once the JVM has compiled
 * what it runs.
 */
final class SensitiveWords {
    private static final long WARM_NANOS = 3_000_000_000L;
    private static final long TIMED_NANOS = 1_000_000_000L;

    private SensitiveWords() {
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> rules = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(arguments[0]), StandardCharsets.UTF_8)) {
            String[] parts = line.split("\t");
            rules.put(parts[1], parts[0]);
        }
        List<String> texts = Files.readAllLines(Path.of(arguments[1]), StandardCharsets.UTF_8);
        List<String> words = new ArrayList<>(rules.keySet());
        SensitiveWordBs finder = SensitiveWordBs.newInstance()
                .wordDeny(() -> words)
                .wordAllow(() -> List.of())
                .init();
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        long hits = 0;
        for (long begun = System.nanoTime(); System.nanoTime() - begun < WARM_NANOS;) {
            hits = pass(finder, rules, texts);
        }
        long passes = 0;
        long begun = clock.getCurrentThreadCpuTime();
        long taken = 0;
        for (; taken < TIMED_NANOS; passes++) {
            hits = pass(finder, rules, texts);
            taken = clock.getCurrentThreadCpuTime() - begun;
        }
        System.out.println(hits + " " + taken / 1e9 / passes);
    }

    private static long pass(SensitiveWordBs finder, Map<String, String> rules, List<String> texts) {
        long hits = 0;
        for (String text : texts) {
            List<String> found = finder.findAll(text);
            if (!found.isEmpty()) {
                Set<String> hit = new HashSet<>();
                for (String word : found) {
                    hit.add(rules.get(word));
                }
                hits += hit.size();
            }
        }
        return hits;
    }
}
