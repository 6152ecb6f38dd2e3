// The opinion of Quartz: reads lines `expression TAB zone TAB start TAB k`, writes the fires of each, separated by
// commas, or `refused: reason`. In place of an expression may stand `daily MINUTES HH:MM HH:MM WEEKDAYS`, a
// DailyTimeIntervalTrigger, with weekdays as digits, 1 for Sunday; the zone must be UTC then.
//
//   java -cp /usr/share/java/quartz2.jar:/usr/share/java/slf4j-api.jar QuartzOracle.java < lines

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.text.ParseException;
import java.util.Date;
import java.util.HashSet;
import java.util.Set;
import java.util.StringJoiner;
import java.util.TimeZone;
import org.quartz.CronExpression;
import org.quartz.DateBuilder.IntervalUnit;
import org.quartz.TimeOfDay;
import org.quartz.impl.triggers.DailyTimeIntervalTriggerImpl;

public class QuartzOracle {
    static TimeOfDay timeOfDay(String text) {
        String[] part = text.split(":");
        return new TimeOfDay(Integer.parseInt(part[0]), Integer.parseInt(part[1]));
    }

    static String askDaily(String[] word, long start, int k) {
        DailyTimeIntervalTriggerImpl trigger = new DailyTimeIntervalTriggerImpl();
        Set<Integer> weekdays = new HashSet<>();
        word[4].chars().forEach(c -> weekdays.add(c - '0'));
        trigger.setStartTime(new Date(start * 1000 - 7 * 86400000L));
        trigger.setRepeatInterval(Integer.parseInt(word[1]));
        trigger.setRepeatIntervalUnit(IntervalUnit.MINUTE);
        trigger.setStartTimeOfDay(timeOfDay(word[2]));
        trigger.setEndTimeOfDay(timeOfDay(word[3]));
        trigger.setDaysOfWeek(weekdays);
        StringJoiner fires = new StringJoiner(",");
        Date at = new Date(start * 1000);
        for (int i = 0; i < k && at != null; i++) {
            at = trigger.getFireTimeAfter(at);
            if (at != null)
                fires.add(Long.toString(at.getTime() / 1000));
        }
        return fires.toString();
    }

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
            long start = Long.parseLong(part[2]);
            int k = Integer.parseInt(part[3]);
            boolean isDaily = part[0].startsWith("daily ");
            System.out.println(isDaily ? askDaily(part[0].split(" "), start, k) : ask(part[0], part[1], start, k));
        }
    }
}
