DROP TABLE ml_private.position, ml_private.view_state, ml_private.view;
DROP SCHEMA ml_apply CASCADE;
DROP SCHEMA ml_view CASCADE;
ALTER TABLE ml_private.identity DROP COLUMN worker;
