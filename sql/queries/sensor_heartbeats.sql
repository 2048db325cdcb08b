SELECT sensor, at FROM sensor_heartbeats ORDER BY sensor
