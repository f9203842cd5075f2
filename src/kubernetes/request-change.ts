/** What the watch makes of a CertificateRequest that changed. Pure. */
import { isForeignChange } from './foreign-writes.ts';
import type { ObservedRequest } from './observed-request.ts';

/** Why the workflow has to look at its request again; undefined when the change was certman's own or means nothing. */
export function whatChangedInRequest(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  if (now.deleting && !previous.deleting) return `The CertificateRequest ${now.name} is being deleted.`;
  if (now.specDigest !== previous.specDigest && isForeignChange(previous.writers, now.writers)) {
    return `The spec of the CertificateRequest ${now.name} was changed by somebody.`;
  }
  if (now.deleting) return undefined;
  if (previous.finalizer && !now.finalizer) {
    return `The finalizer of the CertificateRequest ${now.name} was removed by somebody.`;
  }
  if (previous.owner !== undefined && now.owner?.uid !== previous.owner.uid) {
    return `The owner reference of the CertificateRequest ${now.name} was removed by somebody.`;
  }
  return whatChangedInStatus(previous, now);
}

/** Of a request's status alone. */
export function whatChangedInStatus(previous: ObservedRequest, now: ObservedRequest): string | undefined {
  const changed = isNews(previous.foreignStatus, now.foreignStatus) || (previous.statusWhole && !now.statusWhole);
  return changed ? `The status of the CertificateRequest ${now.name} was changed by somebody.` : undefined;
}

function isNews(before: readonly string[], after: readonly string[]): boolean {
  return after.some((field) => !before.includes(field));
}
