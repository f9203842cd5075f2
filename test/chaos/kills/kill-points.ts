/** The requests at which a worker is killed, and the phase of each kill. Pure. */

import { REQUEST_KINDS, type RequestKind } from '../request-kinds.ts';
import type { SeededRandom } from '../seeded-random.ts';

export const PHASES = ['issuance', 'renewal', 'deletion'] as const;
export type Phase = (typeof PHASES)[number];

export interface KillPoint {
  readonly request: RequestKind;
  /** `before`: the server never receives the request. `after`: the server has acted, but the worker never receives the response. */
  readonly moment: 'before' | 'after';
}

/** Every request from an order to an installed certificate. */
const ISSUANCE_REQUESTS: readonly RequestKind[] = [
  'applyRequest',
  'applyStatus',
  'newOrder',
  'recordOrder',
  'authorization',
  'publish',
  'recordChange',
  'getChange',
  'dohLook',
  'challenge',
  'order',
  'createStaging',
  'finalize',
  'certificate',
  'applySecret',
  'deleteStaging',
  'withdraw',
  'watchHeartbeat',
  'takeWorkflowTask',
  'workflowTaskDone',
  'takeActivity',
  'activityDone',
];

const FIRST_ISSUANCE_REQUESTS: readonly RequestKind[] = ['signalCluster', 'holdCluster'];

const DECOMMISSION_REQUESTS: readonly RequestKind[] = [
  'revoke',
  'deleteSecret',
  'deleteRequest',
  'releaseRequest',
  'removeFinalizer',
];

/** No kill before polls: a poll that the server never receives has no effect. */
const AFTER_ONLY: ReadonlySet<RequestKind> = new Set(['takeWorkflowTask', 'takeActivity']);

/**
 * The kills of each phase, in order.
 * @param options.thorough tries every request of an order in first orders and in renewals, instead of in one of them.
 */
export function killPlan(
  random: SeededRandom,
  options: { readonly thorough: boolean },
): Readonly<Record<Phase, readonly KillPoint[]>> {
  const ofAnOrder = random.shuffled(pointsOf(ISSUANCE_REQUESTS));
  const half = Math.floor(ofAnOrder.length / 2);
  const [some, others] = options.thorough
    ? [ofAnOrder, random.shuffled(ofAnOrder)]
    : [ofAnOrder.slice(0, half), ofAnOrder.slice(half)];
  return {
    // Requests that only newly installed clusters cause come first, while there are such clusters.
    issuance: [...random.shuffled(pointsOf(FIRST_ISSUANCE_REQUESTS)), ...withWatchLast(some)],
    renewal: withWatchLast(others),
    deletion: random.shuffled(pointsOf(DECOMMISSION_REQUESTS)),
  };
}

/** Another worker takes over the watch 10 s after a kill, so it rarely runs while kills are seconds apart. */
function withWatchLast(points: readonly KillPoint[]): readonly KillPoint[] {
  const ofWatch = ({ request }: KillPoint): boolean => request === 'watchHeartbeat';
  return [...points.filter((point) => !ofWatch(point)), ...points.filter(ofWatch)];
}

export function describeKillPoint({ request, moment }: KillPoint): string {
  return moment === 'before' ? `before ${REQUEST_KINDS[request]}` : `after ${REQUEST_KINDS[request]}, unheard`;
}

function pointsOf(requests: readonly RequestKind[]): readonly KillPoint[] {
  return requests.flatMap((request): KillPoint[] =>
    AFTER_ONLY.has(request)
      ? [{ request, moment: 'after' }]
      : [
          { request, moment: 'before' },
          { request, moment: 'after' },
        ],
  );
}
