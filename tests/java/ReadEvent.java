import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageDecoder;

/**
 * Reads events with Apache Avro's own library and prints what is in them.
 *
 * <p>Arguments: pairs of a schema file and a file with one event. A line per event: the record as JSON, without its
 * points; then a line per point of a metric event: its number, step, time, value, series code and kind.
 */
public final class ReadEvent {
  private static final int RECORD_BYTES = 32;

  public static void main(String[] args) throws IOException {
    for (int i = 0; i + 1 < args.length; i += 2) {
      Schema schema = new Schema.Parser().parse(Path.of(args[i]).toFile());
      // Checks the marker C3 01 and the schema's fingerprint, then reads the datum.
      var decoder = new BinaryMessageDecoder<GenericRecord>(GenericData.get(), schema);
      GenericRecord event = decoder.decode(Files.readAllBytes(Path.of(args[i + 1])));
      ByteBuffer points = (ByteBuffer) (schema.getField("points") == null ? null : event.get("points"));
      if (points != null) {
        event.put("points", ByteBuffer.allocate(0));
      }
      System.out.println(event);
      if (points != null) {
        printPoints(points.order(ByteOrder.LITTLE_ENDIAN), (List<?>) event.get("others"));
      }
    }
  }

  private static void printPoints(ByteBuffer points, List<?> others) {
    int start = points.position();
    for (int n = 0; n < points.remaining() / RECORD_BYTES; n++) {
      int at = start + n * RECORD_BYTES;
      long code = points.getLong(at + 24);
      int kind = (int) (code & 7);
      Object value =
          switch (kind) {
            case 2 -> points.getLong(at + 16);
            case 5, 6 -> textOf(others, n);
            default -> Double.toHexString(points.getDouble(at + 16));
          };
      System.out.println(
          n + "\t" + points.getLong(at) + "\t" + points.getLong(at + 8) + "\t" + value + "\t" + (code >>> 3) + "\t" + kind);
    }
  }

  private static Object textOf(List<?> others, int point) {
    for (Object other : others) {
      if (((GenericRecord) other).get("point").equals(point)) {
        return ((GenericRecord) other).get("text");
      }
    }
    throw new IllegalStateException("point " + point + " has no side value");
  }

  private ReadEvent() {}
}
