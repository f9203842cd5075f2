/** Requests of campaigns: a bundle keeps each until it is met, and answers the wave that sent it. */
import { getExternalWorkflowHandle, isCancellation, log, patched } from '@temporalio/workflow';
import type { CampaignOutcome } from '../../src/campaigns/outcome.ts';
import { digestOf } from '../../src/certificates/digest.ts';
import { scheduleRetry } from '../../src/certificates/scheduled-retry.ts';
import { nextServedCheck } from '../../src/certificates/served-wait.ts';
import { lastAttemptOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { type CampaignRequest, campaignAnswered, type PendingCampaign } from '../../src/contract/campaign-request.ts';
import { withRevokedAt } from '../../src/contract/known-certificates.ts';
import { CAMPAIGNS, PUT_BACK } from '../../src/contract/patches.ts';
import { isOwnLimit } from '../../src/failures/failure.ts';
import { revokeReplaced } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { Bundle } from './bundle.ts';
import { ON_CHANGE, type Wake } from './sleep-until.ts';

/** Of one bundle at a time, as its record has them. The wave of a further one asks again. */
const MAX_CAMPAIGNS = 5;

/** The wave asks again after so long, or later. */
const PLACE_CHECK_MS = 3_600_000;

/** A wave has 250 of them. */
const MAX_MESSAGE_LENGTH = 300;

const NOT_KNOWN = 'not revoked: certman neither issued nor adopted it for this bundle, or it has expired';

/** The cluster that a request is for. */
export interface CampaignHost {
  readonly name: string;
  /** Why it meets no request; undefined: it does. */
  readonly refusal: string | undefined;
}

/** Takes a request, or answers it at once: where it cannot be met, and where it is known already. */
export async function acceptCampaign(
  host: CampaignHost,
  bundle: Bundle | undefined,
  request: CampaignRequest,
): Promise<void> {
  // Only a run that gets the signal has the marker.
  if (!patched(CAMPAIGNS)) return;
  if (host.refusal !== undefined) return await answer(request, skipped(host.refusal));
  if (bundle?.wanted === undefined)
    return await answer(request, skipped(`${host.name} has no bundle ${request.bundleName} any more.`));
  const pending = bundle.record.campaigns ?? [];
  const known = pending.find((one) => isSame(one, request));
  if (known !== undefined) {
    const outcome = outcomeOf(bundle, known);
    if (outcome !== undefined) await answer(known, outcome);
    return;
  }
  if (pending.length >= MAX_CAMPAIGNS) return await answer(request, waitForPlace(pending));
  bundle.learn({ campaigns: [...pending, request] });
  bundle.changes.notify();
}

/** Drops what a wave has asked for, unless an order for it is under way. */
export function withdrawCampaigns(bundle: Bundle, wave: string): void {
  const pending = bundle.record.campaigns ?? [];
  const kept = pending.filter((one) => one.wave !== wave);
  if (kept.length < pending.length) setPending(bundle, kept);
}

/** After an evaluation: answers, and revokes what has been replaced. @returns when the bundle wakes. */
export async function settleCampaigns(bundle: Bundle, wake: Wake): Promise<Wake> {
  for (const request of bundle.record.campaigns ?? []) {
    const outcome = await outcomeNow(bundle, request);
    if (outcome === undefined) continue;
    if (isStillPending(bundle, request)) await send(bundle, request, outcome);
  }
  return Math.min(wake, campaignWake(bundle));
}

/** Answers every request that is left when the bundle is not renewed any more. @param why as a sentence. */
export async function dismissCampaigns(bundle: Bundle, why: string): Promise<void> {
  for (const request of bundle.record.campaigns ?? []) await answer(request, skipped(why));
  if (bundle.record.campaigns !== undefined) setPending(bundle, []);
}

/** When the next revocation is due. While none can be made, only a change wakes the bundle. */
export function campaignWake(bundle: Bundle): Wake {
  const { state, campaigns = [] } = bundle.record;
  if (state === 'Paused') return ON_CHANGE;
  const instants = campaigns.flatMap((request) =>
    request.revokeAt === undefined || !isReplaced(bundle, request) ? [] : [Date.parse(request.revokeAt)],
  );
  return Math.min(ON_CHANGE, ...instants);
}

/** The request that the certificate in use is replaced for; undefined: there is none. */
export function campaignToMeet(bundle: Bundle): PendingCampaign | undefined {
  const { campaigns = [], certificate } = bundle.record;
  const due = campaigns.filter(({ serialNumber }) => serialNumber === certificate?.serialNumber);
  // A person put it back: before another order, or the time since the first replacement would count.
  for (const request of due)
    if (request.replacedAt !== undefined && patched(PUT_BACK)) update(bundle, requestOf(request));
  return due.find(({ revocation }) => revocation !== undefined) ?? due[0];
}

/** Does what is due, and says what has become of the certificate; undefined: the order is under way. */
async function outcomeNow(bundle: Bundle, request: PendingCampaign): Promise<CampaignOutcome | undefined> {
  if (!isReplaced(bundle, request)) {
    // A person put the old one back, for which another order is made.
    if (request.replacedAt !== undefined) update(bundle, requestOf(request));
    return outcomeOf(bundle, request);
  }
  const { revocation, replacedAt = now() } = request;
  if (revocation === undefined) return replaced(bundle, { ...request, replacedAt });
  const { revokeAt = after(replacedAt, revocation.delayMs) } = request;
  const noted = { ...request, replacedAt, revokeAt };
  update(bundle, noted);
  const isDue = Date.parse(revokeAt) <= Date.now() && bundle.record.state !== 'Paused';
  return isDue ? await revoke(bundle, noted) : outcomeOf(bundle, noted);
}

/** The new certificate is in its Secret. */
async function revoke(bundle: Bundle, request: PendingCampaign): Promise<CampaignOutcome | undefined> {
  const { cluster, name: bundleName, record } = bundle;
  const certificate = record.issued.find(({ serialNumber }) => serialNumber === request.serialNumber);
  if (certificate === undefined) return replaced(bundle, request, NOT_KNOWN);
  const { secretName, dnsNames } = record;
  const { reason = 0, latestAt } = request.revocation ?? {};
  const unlessStillServed = latestAt !== undefined && Date.parse(latestAt) > Date.now() ? true : undefined;
  try {
    const { outcome, message } = await revokeReplaced.executeWithOptions(
      { summary: `revoke ${request.serialNumber}, which is replaced` },
      [{ cluster: cluster.view.identity, bundleName, secretName, dnsNames, certificate, reason, unlessStillServed }],
    );
    if (outcome === 'stillServed') return waitUntilServed(bundle, request, message, latestAt);
    if (outcome === 'revoked' || outcome === 'alreadyRevoked')
      bundle.learn({ issued: withRevokedAt(bundle.record.issued, request.serialNumber, now()) });
    return replaced(bundle, request, outcome === 'revoked' ? 'revoked' : `${outcome}: ${short(message)}`);
  } catch (error) {
    if (isCancellation(error)) throw error;
    const failure = failureIn(error);
    const previous = request.attempts === undefined ? undefined : { failure, attempts: request.attempts };
    const { attempts, nextAttempt } = scheduleRetry(failure, Date.now(), `${bundle.jitterKey}/revoke`, previous);
    log.warn('A replaced certificate could not be revoked', { bundle: bundleName, failure, attempts, nextAttempt });
    const failed = { ...request, attempts, failure, revokeAt: nextAttempt };
    update(bundle, failed);
    return outcomeOf(bundle, failed);
  }
}

/** Clients that check revocation would refuse the cluster. At the latest instant, it is revoked all the same. */
function waitUntilServed(
  bundle: Bundle,
  request: PendingCampaign,
  message: string,
  latestAt = now(),
): CampaignOutcome | undefined {
  const revokeAt = nextServedCheck(request.replacedAt ?? now(), latestAt, Date.now());
  const stillServed = short(`${message} It is revoked once that has changed, at ${latestAt} at the latest.`);
  const waiting = { ...request, attempts: undefined, failure: undefined, revokeAt, stillServed };
  update(bundle, waiting);
  return outcomeOf(bundle, waiting);
}

function replaced(bundle: Bundle, request: PendingCampaign, revocation?: string): CampaignOutcome {
  const { certificate } = bundle.record;
  return {
    kind: 'replaced',
    serialNumber: certificate?.serialNumber ?? '',
    at: request.replacedAt ?? now(),
    ...(revocation !== undefined && { revocation }),
  };
}

/** Whether another certificate is in the Secret. */
function isReplaced({ record }: Bundle, { serialNumber }: CampaignRequest): boolean {
  return record.certificate !== undefined && record.certificate.serialNumber !== serialNumber;
}

/** What has become of the certificate, without doing anything; undefined: the order is under way, or about to be. */
function outcomeOf(bundle: Bundle, request: PendingCampaign): CampaignOutcome | undefined {
  const { record } = bundle;
  if (record.state === 'Paused') return { kind: 'blocked', message: short(record.message) };
  const { revokeAt, replacedAt, failure: revocationFailure, stillServed: message } = request;
  if (revokeAt !== undefined && replacedAt !== undefined && isReplaced(bundle, request)) {
    if (revocationFailure !== undefined) {
      const { code, message: why } = revocationFailure;
      return {
        kind: 'failing',
        code,
        message: short(`It is replaced, but not revoked: ${why} Tried again at ${revokeAt}.`),
      };
    }
    const { serialNumber = '' } = record.certificate ?? {};
    return {
      kind: 'revoking',
      serialNumber,
      at: replacedAt,
      until: revokeAt,
      ...(message !== undefined && { message }),
    };
  }
  const failure = lastAttemptOf(record)?.failure;
  if (failure === undefined || (record.state !== 'Failing' && record.state !== 'Waiting')) return undefined;
  const until = failure.notBefore ?? nextAttemptOf(record);
  if (isOwnLimit(failure.code) && until !== undefined)
    return { kind: 'waiting', until, message: short(failure.message) };
  return { kind: 'failing', code: failure.code, message: short(record.message) };
}

/** Once for each outcome. What is final ends the request, whether or not the campaign is there to know. */
async function send(bundle: Bundle, request: PendingCampaign, outcome: CampaignOutcome): Promise<void> {
  const present = (bundle.record.campaigns ?? []).find((one) => isSame(one, request)) ?? request;
  const sent = digestOf(JSON.stringify(outcome));
  if (present.sent === sent) return;
  if (outcome.kind === 'replaced') {
    setPending(
      bundle,
      (bundle.record.campaigns ?? []).filter((one) => !isSame(one, request)),
    );
  } else {
    update(bundle, { ...present, sent });
  }
  await answer(request, outcome);
}

/** Nothing depends on it: the wave asks again where it does not arrive. */
async function answer({ wave, item }: CampaignRequest, outcome: CampaignOutcome): Promise<void> {
  try {
    await getExternalWorkflowHandle(wave).signal(campaignAnswered, { item, outcome });
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.info('The wave of a campaign has ended', { wave, error: String(error) });
  }
}

function isStillPending({ record }: Bundle, request: CampaignRequest): boolean {
  return (record.campaigns ?? []).some((one) => isSame(one, request));
}

function update(bundle: Bundle, changed: PendingCampaign): void {
  const pending = bundle.record.campaigns ?? [];
  setPending(
    bundle,
    pending.map((one) => (isSame(one, changed) ? changed : one)),
  );
}

function setPending(bundle: Bundle, campaigns: readonly PendingCampaign[]): void {
  bundle.learn({ campaigns: campaigns.length === 0 ? undefined : campaigns });
}

function isSame(one: CampaignRequest, other: CampaignRequest): boolean {
  return one.wave === other.wave && one.item === other.item;
}

/** As the campaign sent it. */
function requestOf({ campaign, wave, item, bundleName, serialNumber, revocation }: PendingCampaign): CampaignRequest {
  return { campaign, wave, item, bundleName, serialNumber, ...(revocation !== undefined && { revocation }) };
}

function waitForPlace(pending: readonly PendingCampaign[]): CampaignOutcome {
  const names = pending.map(({ campaign }) => campaign).join(', ');
  const message = `It is in ${pending.length} campaigns already, and is asked again once one of them is done with it: ${names}.`;
  return { kind: 'waiting', until: after(now(), PLACE_CHECK_MS), message: short(message) };
}

function skipped(message: string): CampaignOutcome {
  return { kind: 'skipped', message: short(message) };
}

function short(message: string): string {
  return message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`;
}

function after(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString();
}

function now(): string {
  return new Date(Date.now()).toISOString();
}
