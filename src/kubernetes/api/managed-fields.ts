/**
 * Field ownership: what another manager wrote is theirs, so drift is detected without knowing the intended values.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
import { sharedText } from '../../cache/shared-values.ts';
import { FIELD_MANAGER, type FieldSet, type KubernetesObject, type ManagedFieldsEntry } from './kubernetes-api.ts';

const MAX_REPORTED_FIELDS = 8;
/** k8s.io/apimachinery pkg/apis/meta/v1/validation. */
const MAX_MANAGER_LENGTH = 128;

const NONE: readonly string[] = [];

type TopLevelField = 'spec' | 'status' | 'data';

/** The entries that have a field; those of a status are of its subresource. */
function entriesOf({ metadata }: KubernetesObject, field: TopLevelField): readonly ManagedFieldsEntry[] {
  const wanted = field === 'status' ? 'status' : '';
  return (metadata.managedFields ?? []).filter(
    ({ subresource = '', fieldsV1 }) => subresource === wanted && fieldsV1?.[`f:${field}`] !== undefined,
  );
}

function isOwn({ manager }: ManagedFieldsEntry): boolean {
  return manager === FIELD_MANAGER;
}

/** The first of the entries with the latest time. */
function latest(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry | undefined {
  let last = entries[0];
  for (const entry of entries) if ((entry.time ?? '') > (last?.time ?? '')) last = entry;
  return last;
}

/** Who last wrote a field. */
export interface FieldWrites {
  /** Epoch seconds; undefined when certman owns nothing of the field. */
  readonly ownTime?: number;
  /** Undefined when certman owns all of the field. */
  readonly otherManager?: string;
  /** Epoch seconds. */
  readonly otherTime?: number;
}

/** Who last wrote a field. */
export function fieldWritesOf(object: KubernetesObject, field: TopLevelField): FieldWrites {
  const entries = entriesOf(object, field);
  const other = latest(entries.filter((entry) => !isOwn(entry)));
  const own = entries.filter(isOwn);
  // A status is applied by what has evaluated the certificate; the condition Served, which says nothing of that, is patched.
  const applied = field === 'status' ? own.filter(({ operation }) => operation === 'Apply') : [];
  const ownTime = secondsOf(latest(applied.length === 0 ? own : applied)?.time);
  // Of most there is no other, and the controller caches many.
  if (other === undefined) return { ownTime };
  return { ownTime, otherManager: sharedText(managerOf(other)), otherTime: secondsOf(other.time) };
}

/** `<manager>@<epoch seconds>`: the same for as long as no other write follows; undefined when certman owns all of the field. */
export function otherWriteOf({ otherManager, otherTime }: FieldWrites): string | undefined {
  return otherManager === undefined ? undefined : `${otherManager}@${otherTime}`;
}

function managerOf({ manager = '' }: ManagedFieldsEntry): string {
  return manager.slice(0, MAX_MANAGER_LENGTH);
}

function secondsOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Math.floor(Date.parse(time) / 1000);
}

/** Whether another manager changed a field. Times are whole seconds: a tie counts and costs a needless evaluation. */
export function isOtherManagersChange(before: FieldWrites, after: FieldWrites): boolean {
  if (after.ownTime === undefined || after.ownTime === before.ownTime) return true;
  return after.otherTime !== undefined && after.otherTime >= after.ownTime;
}

/** The manager other than certman that wrote last to the object, such as `kubectl-edit`; of equal times, the last. */
export function lastOtherManager({ metadata }: KubernetesObject): string | undefined {
  const others = metadata.managedFields?.filter((entry) => !isOwn(entry)) ?? [];
  const last = latest(others.toReversed());
  return last && managerOf(last);
}

/** Paths (`platform.aws.region`) in a field's value that certman does not own. @param except what others may own. */
export function unownedFields(
  object: KubernetesObject,
  field: TopLevelField,
  except: ReadonlySet<string> = new Set(),
): readonly string[] {
  const found: string[] = [];
  collectUnowned(ownFieldSets(object, field), object[field], '', except, found);
  return found.length === 0 ? NONE : found;
}

/** Whether certman owns all these entries of a field. */
export function ownsFields(object: KubernetesObject, field: TopLevelField, names: readonly string[]): boolean {
  const fieldSets = ownFieldSets(object, field);
  return names.every((name) => childFieldSets(fieldSets, name).length > 0);
}

/** One by server-side apply and, where certman changed parts by patch, one more. */
function ownFieldSets(object: KubernetesObject, field: TopLevelField): readonly FieldSet[] {
  const own = entriesOf(object, field).filter(isOwn);
  return own.flatMap(({ fieldsV1 }) => fieldsV1?.[`f:${field}`] ?? []);
}

function collectUnowned(
  fieldSets: readonly FieldSet[],
  value: unknown,
  path: string,
  except: ReadonlySet<string>,
  found: string[],
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    if (found.length >= MAX_REPORTED_FIELDS) return;
    const here = path === '' ? name : `${path}.${name}`;
    if (except.has(here)) continue;
    const owned = childFieldSets(fieldSets, name);
    if (owned.length === 0) found.push(here);
    // An empty set: the field is owned whole.
    else if (owned.every((fieldSet) => Object.keys(fieldSet).length > 0)) {
      collectUnowned(owned, inner, here, except, found);
    }
  }
}

function childFieldSets(fieldSets: readonly FieldSet[], name: string): readonly FieldSet[] {
  return fieldSets.flatMap((fieldSet) => fieldSet[`f:${name}`] ?? []);
}
