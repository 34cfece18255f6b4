DROP TRIGGER note_names ON ml_private.view;
DROP FUNCTION ml_view.note_names();
ALTER TABLE ml_private.view DROP COLUMN view_name, DROP COLUMN definition_name;
