import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { isRevoked, type RequestedRevocation, revocationMessage } from '../../certificates/requested-revocation.ts';
import type { ClusterStatus } from '../../contract/cluster-certificates.ts';
import { CertmanError } from '../../failures/failure.ts';
import { queryClusterStatus } from '../cluster-workflow.ts';
import { describeProgress } from '../issuance-progress.ts';
import { note } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { isUnavailable, unavailableMessage } from '../temporal-client.ts';
import type { RevocationPlan } from './plan-revocation.ts';

const POLL_INTERVAL_MS = 1_000;

/** What has become of a revocation. */
export interface RevocationOutcome {
  /** That of the CA; `scheduled`: replaced, and revoked later. */
  readonly outcome: string;
  readonly message: string;
}

/**
 * Waits for what becomes of a revocation, and says meanwhile what is done. @param until epoch milliseconds.
 * @throws CertmanError also where it is not revoked by then.
 */
export async function awaitRevocation(
  client: Client,
  handle: WorkflowHandle,
  plan: RevocationPlan,
  until: number,
): Promise<RevocationOutcome> {
  let noted = '';
  const noteOnce = (text: string): void => {
    if (text !== '' && text !== noted) note(text);
    noted = text;
  };
  for (let leftMs = until - Date.now(); leftMs > 0; leftMs = until - Date.now()) {
    try {
      const status = await queryClusterStatus(client, handle, leftMs);
      const revocation = revocationIn(status, plan);
      if (revocation?.result !== undefined) return settled(revocation);
      if (status.decommissioning) throw endedByDeletion(plan);
      if (revocation?.revokeAt !== undefined && Date.parse(revocation.revokeAt) > Date.now())
        return { outcome: 'scheduled', message: revocationMessage(revocation) };
      const retried = revocation?.retry === undefined ? undefined : revocationMessage(revocation);
      noteOnce(retried ?? (await describeProgress(client, handle, until)));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      noteOnce(`${unavailableMessage(error)} The request is kept.`);
    }
    await sleep(Math.max(0, Math.min(POLL_INTERVAL_MS, until - Date.now())));
  }
  throw new CertmanError({
    code: 'internal/unexpected',
    message: `Certificate ${plan.serialNumber} is not revoked yet.`,
    remedy: `certman goes on by itself. To see why, and when: ${follow(plan)}`,
  });
}

function revocationIn({ bundles }: ClusterStatus, plan: RevocationPlan): RequestedRevocation | undefined {
  return bundles[plan.bundleName]?.revocations?.find(({ serialNumber }) => serialNumber === plan.serialNumber);
}

function settled(revocation: RequestedRevocation): RevocationOutcome {
  const message = revocationMessage(revocation);
  if (isRevoked(revocation)) return { outcome: revocation.result?.outcome ?? '', message };
  throw new CertmanError({ code: 'internal/unexpected', message });
}

function endedByDeletion({ cluster, serialNumber }: RevocationPlan): CertmanError {
  return new CertmanError({
    code: 'internal/unexpected',
    message: `${cluster} is being deleted meanwhile, which revokes certificate ${serialNumber} with the others.`,
    remedy: `See what becomes of it: ${commandLine(`explain ${cluster}`)}`,
  });
}

/** The command that shows it. */
export function follow({ cluster }: RevocationPlan): string {
  return commandLine(`explain ${cluster}`);
}
