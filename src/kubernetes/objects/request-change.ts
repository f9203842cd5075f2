/** What the watch makes of a CertificateRequest that changed. Pure. */
import { isOtherManagersChange } from '../api/field-writes.ts';
import type { ObservedRequest } from './observed-request.ts';

/** Why the workflow has to look at its request again; undefined when the change was certman's own or means nothing. */
export function describeRequestChange(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  if (now.deleting && !previous.deleting) return `The CertificateRequest ${now.name} is being deleted.`;
  if (now.specDigest !== previous.specDigest && isOtherManagersChange(previous.specWrites, now.specWrites)) {
    return `The spec of the CertificateRequest ${now.name} was changed by somebody.`;
  }
  if (now.deleting) return undefined;
  if (previous.finalizer && !now.finalizer) {
    return `The finalizer of the CertificateRequest ${now.name} was removed by somebody.`;
  }
  if (previous.owner !== undefined && now.owner?.uid !== previous.owner.uid) {
    return `The owner reference of the CertificateRequest ${now.name} was removed by somebody.`;
  }
  return describeStatusChange(previous, now);
}

/** Of a request's status alone. */
export function describeStatusChange(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  const changed =
    hasNewFields(previous.unownedStatusFields, now.unownedStatusFields) ||
    (previous.statusComplete && !now.statusComplete);
  return changed ? `The status of the CertificateRequest ${now.name} was changed by somebody.` : undefined;
}

function hasNewFields(before: readonly string[], after: readonly string[]): boolean {
  return after.some((field) => !before.includes(field));
}
