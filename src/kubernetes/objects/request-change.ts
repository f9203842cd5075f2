import { isOtherManagersChange } from '../api/managed-fields.ts';
import type { ObservedRequest } from './observed-request.ts';

/** Why the workflow must evaluate its request again; undefined for a change by certman or without consequence. */
export function describeRequestChange(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  const { name } = now;
  if (now.deleting && !previous.deleting) return `The CertificateRequest ${name} is being deleted.`;
  if (isSpecChanged(previous, now) && isOtherManagersChange(previous.specWrites, now.specWrites)) {
    return `The spec of the CertificateRequest ${name} was changed by another field manager.`;
  }
  if (now.deleting) return undefined;
  if (previous.finalizer && !now.finalizer) return `The finalizer of the CertificateRequest ${name} was removed.`;
  if (previous.owner !== undefined && now.owner?.uid !== previous.owner.uid) {
    return `The owner reference of the CertificateRequest ${name} was removed.`;
  }
  return describeStatusChange(previous, now);
}

/** Whether the spec may be another one: it is the same in both while uid and generation are. */
export function isSpecChanged(previous: ObservedRequest, now: ObservedRequest): boolean {
  return now.uid !== previous.uid || now.generation !== previous.generation;
}

/** As {@link describeRequestChange}, of the status alone. */
export function describeStatusChange(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  const changed =
    now.unownedStatusFields.some((field) => !previous.unownedStatusFields.includes(field)) ||
    (previous.statusComplete && !now.statusComplete);
  return changed ? `The status of the CertificateRequest ${now.name} was changed by another field manager.` : undefined;
}
