-- For staff, who read the events of all users, also those of one kind. By user there is an index, and
-- all of them come by their ids.
CREATE INDEX audit_events_of_action ON audit_events (action, id);
