/**
 * Field ownership: what another manager wrote is theirs, so drift is detected without knowing the intended values.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
import { z } from 'zod';
import { FIELD_MANAGER, type KubernetesObject } from './kubernetes-api.ts';

const MAX_REPORTED_FIELDS = 8;
/** k8s.io/apimachinery pkg/apis/meta/v1/validation. */
const MAX_MANAGER_LENGTH = 128;

const NONE: readonly string[] = [];

const entrySchema = z.looseObject({
  manager: z.string().default(''),
  /** RFC 3339, whole seconds. */
  time: z.string().default(''),
  subresource: z.string().default(''),
  fieldsV1: z.record(z.string(), z.unknown()).optional(),
});

type Entry = z.infer<typeof entrySchema>;

/** @param subresource `''`: the object itself; undefined: all. */
function entriesOf(object: KubernetesObject, subresource: string | undefined): readonly Entry[] {
  return (object.metadata.managedFields ?? []).flatMap((raw) => {
    const { data } = entrySchema.safeParse(raw);
    return data !== undefined && (subresource ?? data.subresource) === data.subresource ? [data] : [];
  });
}

function latest(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (last, entry) => (entry.time > (last?.time ?? '') ? entry : last),
    entries[0],
  );
}

/** `fieldsV1` of certman's entries: one by server-side apply and, where it changed parts by patch, one more. */
export interface OwnedFields {
  readonly fieldSets: readonly unknown[];
  /** When certman last wrote (RFC 3339, whole seconds). */
  readonly time?: string;
}

/** The fields that certman owns. @param subresource `status`; absent: the object itself. */
export function ownedFieldsOf(object: KubernetesObject, subresource = ''): OwnedFields {
  const entries = entriesOf(object, subresource).filter(
    ({ manager, fieldsV1 }) => manager === FIELD_MANAGER && fieldsV1 !== undefined,
  );
  return { fieldSets: entries.map((entry) => entry.fieldsV1), time: latest(entries)?.time || undefined };
}

/** Who last wrote a field. */
export interface FieldWrites {
  /** RFC 3339, whole seconds; undefined when certman owns nothing of the field. */
  readonly ownTime?: string;
  /** `<manager>@<time>`; undefined when certman owns all of the field. */
  readonly otherWrite?: string;
  readonly otherTime?: string;
}

/** Who last wrote a top-level field (`spec`, `data`). @param subresource `status`; absent: the object itself. */
export function fieldWritesOf(object: KubernetesObject, field: string, subresource = ''): FieldWrites {
  const entries = entriesOf(object, subresource).filter(({ fieldsV1 }) => fieldsV1?.[`f:${field}`] !== undefined);
  const own = latest(entries.filter(({ manager }) => manager === FIELD_MANAGER));
  const other = latest(entries.filter(({ manager }) => manager !== FIELD_MANAGER));
  return {
    ownTime: own?.time,
    otherWrite: other && `${other.manager}@${other.time}`,
    otherTime: other?.time,
  };
}

/** Whether another manager changed a field. Times are whole seconds: a tie counts and costs a needless evaluation. */
export function isOtherManagersChange(before: FieldWrites, after: FieldWrites): boolean {
  if (after.ownTime === undefined || after.ownTime === before.ownTime) return true;
  return after.otherTime !== undefined && after.otherTime >= after.ownTime;
}

/** The manager other than certman that wrote last to the object, such as `kubectl-edit`. */
export function lastOtherManager(object: KubernetesObject): string | undefined {
  const others = entriesOf(object, undefined).filter(({ manager }) => manager !== FIELD_MANAGER);
  // Of equal times, the last entry.
  return latest(others.toReversed())?.manager.slice(0, MAX_MANAGER_LENGTH);
}

/** Paths (`platform.aws.region`) in a field's value that certman does not own. @param except what others may own. */
export function unownedFields(
  own: OwnedFields,
  field: string,
  value: unknown,
  except: ReadonlySet<string> = new Set(),
): readonly string[] {
  const found: string[] = [];
  collectUnowned(childFieldSets(own.fieldSets, field), value, '', except, found);
  return found.length === 0 ? NONE : found;
}

/** Whether certman owns all these entries of a field. */
export function ownsFields(own: OwnedFields, field: string, names: readonly string[]): boolean {
  const fieldSets = childFieldSets(own.fieldSets, field);
  return names.every((name) => childFieldSets(fieldSets, name).length > 0);
}

function collectUnowned(
  fieldSets: readonly unknown[],
  value: unknown,
  path: string,
  except: ReadonlySet<string>,
  found: string[],
): void {
  if (!isRecord(value) || Array.isArray(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (found.length >= MAX_REPORTED_FIELDS) return;
    const here = path === '' ? name : `${path}.${name}`;
    if (except.has(here)) continue;
    const owned = childFieldSets(fieldSets, name);
    if (owned.length === 0) found.push(here);
    // An empty set: the field is owned whole.
    else if (!owned.some((fieldSet) => isRecord(fieldSet) && Object.keys(fieldSet).length === 0)) {
      collectUnowned(owned, inner, here, except, found);
    }
  }
}

function childFieldSets(fieldSets: readonly unknown[], name: string): readonly unknown[] {
  return fieldSets
    .map((fieldSet) => (isRecord(fieldSet) ? fieldSet[`f:${name}`] : undefined))
    .filter((child) => child !== undefined);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
