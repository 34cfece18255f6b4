DROP TABLE ml_private.role;
