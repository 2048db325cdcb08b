-- Dagster's own database beside that of the bars; run once, when the server's volume is made.
CREATE DATABASE dagster;
