-- The hypertables, how they are cut, and how much they hold.
SELECT hypertable.hypertable_name AS name, num_chunks AS chunks, compression_enabled AS compressed,
       (SELECT time_interval FROM timescaledb_information.dimensions dimension
        WHERE dimension.hypertable_schema = hypertable.hypertable_schema
          AND dimension.hypertable_name = hypertable.hypertable_name AND dimension_number = 1) AS interval,
       hypertable_size(format('%I.%I', hypertable.hypertable_schema, hypertable.hypertable_name)::regclass) AS bytes
FROM timescaledb_information.hypertables hypertable
WHERE hypertable.hypertable_schema = current_schema()
ORDER BY 1
