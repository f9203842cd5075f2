/**
 * What of an object is certman's own word, by its `metadata.managedFields`: a field that somebody else wrote is theirs from
 * then on, whatever the value is. So drift is seen without knowing what should be there.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
import { z } from 'zod';
import { FIELD_MANAGER, type KubernetesObject } from './kubernetes-api.ts';

/** Enough to say what it is about. */
const MAX_REPORTED_FIELDS = 8;

const NONE: readonly string[] = [];

const entrySchema = z.looseObject({
  manager: z.literal(FIELD_MANAGER),
  time: z.string().optional(),
  subresource: z.string().optional(),
  fieldsV1: z.record(z.string(), z.unknown()),
});

/** Of certman's own entries: one by server-side apply and, where it changed parts by patch, one more. */
export interface OwnedFields {
  /** `fieldsV1` of each. */
  readonly fieldSets: readonly unknown[];
  /** When certman last wrote (RFC 3339, whole seconds). */
  readonly time?: string;
}

/** @param subresource whose entries: `status`; absent: those of the object itself. */
export function ownedFieldsOf(object: KubernetesObject, subresource?: string): OwnedFields {
  const entries = (object.metadata.managedFields ?? [])
    .map((raw) => entrySchema.safeParse(raw))
    .filter((entry) => entry.success)
    .map((entry) => entry.data)
    .filter((entry) => (entry.subresource || undefined) === subresource);
  const time = entries
    .map((entry) => entry.time ?? '')
    .sort()
    .at(-1);
  return { fieldSets: entries.map((entry) => entry.fieldsV1), ...(time ? { time } : {}) };
}

/**
 * Paths (`platform.aws.region`) of what is in a field and not certman's.
 * @param value of the field as it is on the object.
 * @param except fields of it that are somebody else's by right.
 */
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

/** Whether all these are certman's, for who does not see their values. */
export function ownsFields(own: OwnedFields, field: string, names: readonly string[]): boolean {
  const trees = childFieldSets(own.fieldSets, field);
  return names.every((name) => childFieldSets(trees, name).length > 0);
}

function collectUnowned(
  trees: readonly unknown[],
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
    const mine = childFieldSets(trees, name);
    if (mine.length === 0) found.push(here);
    // An empty tree is a field that is owned whole.
    else if (!mine.some(isLeaf)) collectUnowned(mine, inner, here, except, found);
  }
}

function childFieldSets(trees: readonly unknown[], name: string): readonly unknown[] {
  return trees
    .filter((tree): tree is Readonly<Record<string, unknown>> => typeof tree === 'object' && tree !== null)
    .map((tree) => tree[`f:${name}`])
    .filter((tree) => tree !== undefined);
}

function isLeaf(tree: unknown): boolean {
  return typeof tree === 'object' && tree !== null && Object.keys(tree).length === 0;
}
