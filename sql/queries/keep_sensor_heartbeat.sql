INSERT INTO sensor_heartbeats (sensor, at) VALUES (%(sensor)s, %(at)s)
ON CONFLICT (sensor) DO UPDATE SET at = greatest(sensor_heartbeats.at, excluded.at)
