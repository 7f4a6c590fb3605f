"""The consumer: events from a journal or Kafka, folded exactly once into tables, and served to readers."""
