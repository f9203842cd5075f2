/** What is known of the issuers of a management cluster's certificates: a ConfigMap in certman's namespace. */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, ObjectMeta } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import { CONFIG_MAPS } from './resources.ts';

/** Name of the ConfigMap; deploy/base creates it, so that certman needs no right to create any. */
export const ISSUERS_CONFIG_MAP = 'certman-issuers';

/** Many workers take places at the same moment when a CA changes its issuer. */
const MAX_ATTEMPTS = 20;
/** A few CAs with a few issuers each, and those of some years. */
const MAX_ISSUERS = 32;
/** The most clusters that a canary may have. */
const MAX_PLACES = 20;
/** Of one entry, with all its places: all entries together stay below the 1 MiB of an object. */
const MAX_ENTRY_LENGTH = 30_000;

const objectName = z.string().max(253);
const instant = z.iso.datetime({ offset: true });

const placeSchema = z.object({
  /** `namespace/name` of the cluster. */
  cluster: z.string().max(507),
  uid: z.string().max(64),
  /** The CertificateRequest of the first bundle. */
  request: z.object({ namespace: objectName, name: objectName, uid: z.string().max(64) }),
  takenAt: instant,
  /** Absent: its Secret has not been written yet. */
  installedAt: instant.optional(),
  /** Of the certificate that was installed. */
  serialNumber: z.string().max(64).optional(),
});

const recordSchema = z.object({
  /** For people. */
  name: z.string().max(300),
  state: z.enum(['canary', 'accepted', 'refused']),
  /** When the fleet had its first certificate, or was about to have it. */
  since: instant,
  /** Of `accepted` and `refused`. */
  decidedAt: instant.optional(),
  /** Why, in a sentence. */
  why: z.string().max(500).optional(),
  places: z.array(placeSchema).max(MAX_PLACES).default([]),
});

/** A cluster that has, or may have, a certificate of a new issuer first. Instants are RFC 3339. */
export type CanaryPlace = Readonly<z.infer<typeof placeSchema>>;

/** What is known of an issuer. */
export interface IssuerRecord extends Readonly<Omit<z.infer<typeof recordSchema>, 'places'>> {
  readonly places: readonly CanaryPlace[];
}

/** By id (`issuingPathOf`). */
export type IssuerRecords = ReadonlyMap<string, IssuerRecord>;

const dataSchema = z.record(z.string(), z.unknown()).catch({});

/** Reads and changes the records. */
export class IssuerRecordStore {
  readonly #kubernetes: KubernetesApi;
  readonly #key: { readonly namespace: string; readonly name: string };

  /** @param namespace certman's. */
  constructor(kubernetes: KubernetesApi, namespace: string) {
    this.#kubernetes = kubernetes;
    this.#key = { namespace, name: ISSUERS_CONFIG_MAP };
  }

  /** @throws CertmanError `configuration/invalid` without the ConfigMap; `kubernetes/…`. An unreadable entry counts as absent. */
  async read(): Promise<IssuerRecords> {
    return (await this.#readWithMetadata()).records;
  }

  /**
   * Changes the records if they are as they were read, else reads them anew: of callers at the same time, each sees what the one
   * before it wrote.
   * @param change returns what to write for an issuer, or undefined for no change; called again after a conflict.
   * @returns what `change` returned last. @throws as {@link read}, and what `change` throws.
   */
  async update<Change extends { readonly record?: IssuerRecord }>(
    id: string,
    change: (record: IssuerRecord | undefined) => Change | Promise<Change>,
  ): Promise<Change> {
    return await retryOnConflict(MAX_ATTEMPTS, async () => {
      const { metadata, records } = await this.#readWithMetadata();
      const changed = await change(records.get(id));
      if (changed.record === undefined) return changed;
      const bounded = withinBound(new Map([...records, [id, changed.record]]), id);
      const data = Object.fromEntries([...bounded].map(([key, record]) => [key, JSON.stringify(record)]));
      const written = await patchIfUnchanged(this.#kubernetes, CONFIG_MAPS, metadata, { '/data': data });
      if (written === undefined) throw this.#missing();
      return changed;
    });
  }

  async #readWithMetadata(): Promise<{ readonly metadata: ObjectMeta; readonly records: IssuerRecords }> {
    const found = await this.#kubernetes.get(CONFIG_MAPS, this.#key);
    if (found === undefined) throw this.#missing();
    const records = new Map<string, IssuerRecord>();
    for (const [id, text] of Object.entries(dataSchema.parse(found['data']))) {
      const record = parseRecord(text);
      if (record !== undefined) records.set(id, record);
    }
    return { metadata: found.metadata, records };
  }

  #missing(): CertmanError {
    const { namespace, name } = this.#key;
    return new CertmanError({
      code: 'configuration/invalid',
      message: `ConfigMap ${namespace}/${name} does not exist, in which certman records the issuers of its certificates.`,
      remedy: `Create it: kubectl create configmap ${name} -n ${namespace}. Or set CERTMAN_CANARY_CLUSTERS=0: no issuer then has a canary.`,
    });
  }
}

function parseRecord(text: unknown): IssuerRecord | undefined {
  if (typeof text !== 'string' || text.length > MAX_ENTRY_LENGTH) return undefined;
  try {
    return recordSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Without the oldest decided ones; the one that was changed stays. */
function withinBound(records: IssuerRecords, changed: string): IssuerRecords {
  const surplus = records.size - MAX_ISSUERS;
  if (surplus <= 0) return records;
  const isOpen = ([, { state }]: [string, IssuerRecord]): number => (state === 'canary' ? 1 : 0);
  const oldest = [...records]
    .filter(([id]) => id !== changed)
    .sort((one, other) => isOpen(one) - isOpen(other) || Date.parse(one[1].since) - Date.parse(other[1].since))
    .slice(0, surplus)
    .map(([id]) => id);
  return new Map([...records].filter(([id]) => !oldest.includes(id)));
}
