/**
 * Who wrote what last in an object, from `metadata.managedFields`: how the watch tells certman's own writes from everybody
 * else's. Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
import { z } from 'zod';
import { FIELD_MANAGER, type KubernetesObject } from './kubernetes-api.ts';

const entrySchema = z.looseObject({
  manager: z.string().optional(),
  time: z.string().optional(),
  subresource: z.string().optional(),
  fieldsV1: z.record(z.string(), z.unknown()).optional(),
});

/** A field manager's name is at most 128 characters: k8s.io/apimachinery pkg/apis/meta/v1/validation. */
const MAX_MANAGER_LENGTH = 128;

export interface FieldWrites {
  /** When certman last wrote the field (RFC 3339, whole seconds); undefined when it owns nothing of it. */
  readonly ownTime?: string;
  /** The last foreign writer of the field, `<manager>@<time>`; undefined when nobody else owns a part of it. */
  readonly otherWrite?: string;
  readonly otherTime?: string;
}

/** Whoever wrote anything in an object last, certman aside: the name of the field manager, such as `kubectl-edit`. */
export function lastOtherManager(object: KubernetesObject): string | undefined {
  let last: { readonly manager: string; readonly time: string } | undefined;
  for (const raw of object.metadata.managedFields ?? []) {
    const entry = entrySchema.safeParse(raw);
    if (!entry.success) continue;
    const { manager = '', time = '' } = entry.data;
    if (manager !== FIELD_MANAGER && (last === undefined || time >= last.time)) last = { manager, time };
  }
  return last?.manager.slice(0, MAX_MANAGER_LENGTH);
}

/**
 * @param field a top-level field: `spec`, `data`.
 * @param subresource whose entries: `status`; absent: those of the object itself. Unreadable ones are passed over.
 */
export function fieldWritesOf(object: KubernetesObject, field: string, subresource?: string): FieldWrites {
  let own: string | undefined;
  let foreign: { readonly manager: string; readonly time: string } | undefined;
  for (const raw of object.metadata.managedFields ?? []) {
    const entry = entrySchema.safeParse(raw);
    if (!entry.success || (entry.data.subresource || undefined) !== subresource) continue;
    if (entry.data.fieldsV1?.[`f:${field}`] === undefined) continue;
    const { manager = '', time = '' } = entry.data;
    if (manager === FIELD_MANAGER) own = own === undefined || time > own ? time : own;
    else if (foreign === undefined || time > foreign.time) foreign = { manager, time };
  }
  return {
    ...(own === undefined ? {} : { ownTime: own }),
    ...(foreign === undefined ? {} : { otherWrite: `${foreign.manager}@${foreign.time}`, otherTime: foreign.time }),
  };
}

/**
 * Whether a field that changed was changed by somebody else: certman has not written it since `before`, or somebody else
 * has as well. Times are whole seconds: a doubt counts as foreign, which costs one look too many.
 */
export function isOtherManagersChange(before: FieldWrites, after: FieldWrites): boolean {
  if (after.ownTime === undefined || after.ownTime === before.ownTime) return true;
  return after.otherTime !== undefined && after.otherTime >= after.ownTime;
}
