"""
Starts moto's server with the rules of Route 53's ChangeResourceRecordSets that moto lacks (Route 53 API reference):
CREATE needs absence, DELETE exactly the record set that is stored, and a batch is applied as a whole or not at all.
The arguments are those of moto's server.
"""

import copy
import functools
import threading

from moto.route53.exceptions import Route53ClientError
from moto.route53.models import ChangeList, Route53Backend
from moto.server import main

# Held by reads too: none sees a batch of which a part is applied.
LOCK = threading.Lock()


def main_with_rules():
    Route53Backend.list_resource_record_sets = locked(Route53Backend.list_resource_record_sets)
    Route53Backend.change_resource_record_sets = locked(with_rules(Route53Backend.change_resource_record_sets))
    main()


def locked(method):
    @functools.wraps(method)
    def call(*args, **named):
        with LOCK:
            return method(*args, **named)

    return call


def with_rules(apply):
    @functools.wraps(apply)
    def change(backend, zoneid, change_list):
        zone = backend.get_hosted_zone(zoneid)
        complaints = complaints_about(change_list, zone.rrsets)
        if complaints:
            raise Route53ClientError("InvalidChangeBatch", f"[{', '.join(complaints)}]")
        # moto refuses by its journal, which outlives the records.
        zone.rr_changes = journal_that_allows(change_list)
        before = zone.rrsets
        zone.rrsets = list(before)
        try:
            apply(backend, zoneid, change_list)
        except Exception:
            zone.rrsets = before
            raise

    return change


def complaints_about(change_list, rrsets):
    """What Route 53 has against a batch, in its words; each change is compared with the result of those before it."""
    present = {
        key_of(rrset.name, rrset.type, rrset.set_identifier): content_of(rrset.ttl, rrset.records)
        for rrset in rrsets
    }
    complaints = []
    for change in change_list:
        action, rrset = change["Action"], change["ResourceRecordSet"]
        key = key_of(rrset["Name"], rrset["Type"], rrset.get("SetIdentifier"))
        content = content_of(rrset.get("TTL"), rrset.get("ResourceRecords"))
        what = f"resource record set [name='{key[0]}', type='{key[1]}']"
        if action == "CREATE" and key in present:
            complaints.append(f"Tried to create {what} but it already exists")
        if action == "DELETE" and key not in present:
            complaints.append(f"Tried to delete {what} but it was not found")
        if action == "DELETE" and present.get(key, content) != content:
            complaints.append(f"Tried to delete {what} but the values provided do not match the current values")
        if action == "DELETE":
            present.pop(key, None)
        else:
            present[key] = content
    return complaints


def key_of(name, record_type, set_identifier):
    return (name.rstrip(".") + ".", record_type, set_identifier)


def content_of(ttl, records):
    """moto has values as strings, or as the request has them."""
    values = [record["Value"] if isinstance(record, dict) else record for record in records or []]
    return (None if ttl is None else int(ttl), values)


def journal_that_allows(change_list):
    """An UPSERT of all that the batch deletes: moto deletes what is in its journal, and creates what is not."""
    journal = ChangeList()
    for change in change_list:
        if change["Action"] == "DELETE":
            journal.append({"Action": "UPSERT", "ResourceRecordSet": copy.deepcopy(change["ResourceRecordSet"])})
    return journal


if __name__ == "__main__":
    main_with_rules()
