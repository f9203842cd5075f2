import { oneLine } from '../../failures/printable.ts';
import type { IssuerRecord, IssuerRecordStore } from '../../kubernetes/objects/issuer-records.ts';
import { UsageError } from '../arguments.ts';
import { type ConfirmOptions, confirm } from '../confirm.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { type ListedIssuer, listIssuers, recordsOf } from './read-issuers.ts';

/** Flags of `certman canary accept` and `refuse`. */
export interface DecideOptions extends KubeConnection, OutputOptions, ConfirmOptions {
  readonly reason?: string;
}

const MAX_REASON_LENGTH = 400;
const STATES = { accept: 'accepted', refuse: 'refused' } as const;

/** Accepts or refuses an issuer for the management cluster. @throws UsageError for one that is not recorded. */
export async function decide(
  text: string,
  decision: keyof typeof STATES,
  { reason, ...options }: DecideOptions,
): Promise<void> {
  await withKubernetes(async (kubernetes) => {
    const store = recordsOf(kubernetes);
    const issuer = findIssuer(await listIssuers(store), text);
    const state = STATES[decision];
    if (options.dryRun !== true && issuer.state !== state) {
      await confirm(
        `This would have the issuer ${issuer.name} ${state} for all clusters of the management cluster.`,
        options,
      );
      await recordDecision(store, issuer, state, reason);
    }
    const would = options.dryRun === true ? 'would be' : 'is';
    const outcome = issuer.state === state ? `was ${state} before` : `${would} ${state}`;
    print(
      await formatOutput(options, { issuer: issuer.name, id: issuer.id, outcome }, () => `${issuer.name}: ${outcome}.`),
    );
  }, options);
}

/** By its name or id. @throws UsageError where none, or more than one, has it. */
export function findIssuer(issuers: readonly ListedIssuer[], text: string): ListedIssuer {
  const found = issuers.filter(({ id, name }) => id === text || name === text);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) throw new UsageError(`${found.length} issuers are named ${only.name}; pass the id of one`);
  const known = issuers.map(({ name }) => name).join(', ');
  throw new UsageError(`no issuer is recorded as "${oneLine(text, 200)}"; there are: ${known === '' ? 'none' : known}`);
}

/** Records what a person decided. @throws UsageError where the issuer is not recorded any more. */
export async function recordDecision(
  store: Pick<IssuerRecordStore, 'update'>,
  { id }: Pick<ListedIssuer, 'id'>,
  state: 'accepted' | 'refused',
  reason: string | undefined,
): Promise<void> {
  const why =
    reason === undefined ? `A person ${state} it.` : `A person ${state} it: ${oneLine(reason, MAX_REASON_LENGTH)}`;
  const decidedAt = new Date().toISOString();
  const { record } = await store.update(id, (found): { readonly record?: IssuerRecord } =>
    found === undefined ? {} : { record: { ...found, state, decidedAt, why } },
  );
  if (record === undefined) throw new UsageError(`the issuer ${id} is not recorded any more`);
}
