// The opinion of Quartz's CronExpression: reads lines `expression TAB zone TAB start TAB k`, writes the fires of each,
// separated by commas, or `refused: reason`.
//
//   java -cp /usr/share/java/quartz2.jar:/usr/share/java/slf4j-api.jar QuartzOracle.java < lines

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.text.ParseException;
import java.util.Date;
import java.util.StringJoiner;
import java.util.TimeZone;
import org.quartz.CronExpression;

public class QuartzOracle {
    static String ask(String expression, String zone, long start, int k) {
        StringJoiner fires = new StringJoiner(",");
        try {
            CronExpression cron = new CronExpression(expression);
            cron.setTimeZone(TimeZone.getTimeZone(zone));
            Date at = new Date(start * 1000);
            for (int i = 0; i < k && at != null; i++) {
                at = cron.getNextValidTimeAfter(at);
                if (at != null)
                    fires.add(Long.toString(at.getTime() / 1000));
            }
        } catch (ParseException e) {
            return "refused: " + e.getMessage().replace('\n', ' ');
        }
        return fires.toString();
    }

    public static void main(String[] args) throws IOException {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] part = line.split("\t");
            System.out.println(ask(part[0], part[1], Long.parseLong(part[2]), Integer.parseInt(part[3])));
        }
    }
}
