import com.github.houbb.sensitive.word.api.IWordResult;
import com.github.houbb.sensitive.word.bs.SensitiveWordBs;
import com.github.houbb.sensitive.word.support.allow.WordAllows;
import com.github.houbb.sensitive.word.support.ignore.SensitiveWordCharIgnores;
import com.github.houbb.sensitive.word.support.result.WordResultHandlers;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;

/** Finds the words of the file args[0] in each line of standard input (base64 of UTF-8). */
class Houbb {
  public static void main(String[] args) throws Exception {
    List<String> words = Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8);
    SensitiveWordBs finder =
        SensitiveWordBs.newInstance()
            .wordDeny(() -> words)
            .wordAllow(WordAllows.empty())
            .ignoreCase(true)
            .ignoreWidth(true)
            .ignoreNumStyle(true)
            .ignoreChineseStyle(true)
            .ignoreEnglishStyle(true)
            .ignoreRepeat(true)
            .enableWordCheck(true)
            .charIgnore(SensitiveWordCharIgnores.specialChars())
            .init();
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
    for (String line; (line = in.readLine()) != null; ) {
      String text = new String(Base64.getDecoder().decode(line), StandardCharsets.UTF_8);
      StringBuilder found = new StringBuilder();
      for (IWordResult one : finder.findAll(text, WordResultHandlers.raw())) {
        found.append(one.startIndex()).append('-').append(one.endIndex()).append(' ');
      }
      out.println(found.toString().trim());
    }
    out.flush();
  }
}
