DROP TABLE ml_private.identity;
