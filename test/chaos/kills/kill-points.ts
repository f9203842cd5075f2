/** The instants at which a worker is killed on purpose, and in which part of a run each is due. Pure. */

import { REQUEST_KINDS, type RequestKind } from '../request-kinds.ts';
import type { SeededRandom } from '../seeded-random.ts';

export const PHASES = ['issuance', 'renewal', 'deletion'] as const;
export type Phase = (typeof PHASES)[number];

export interface KillPoint {
  readonly request: RequestKind;
  /** `before`: the server never sees the request. `after`: the server has acted, the worker never hears. */
  readonly moment: 'before' | 'after';
}

/** Every request on the way from an order to an installed certificate. */
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
  'recordAnswer',
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

/** A poll that the server never sees is one that was not made. */
const AFTER_ONLY: ReadonlySet<RequestKind> = new Set(['takeWorkflowTask', 'takeActivity']);

/**
 * The kills of each phase in the order they come.
 * @param options.thorough every instant of an order in first orders and in renewals; else each in one of them.
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
    // Those that only a cluster just installed gives occasion to come while there are some.
    issuance: [...random.shuffled(pointsOf(FIRST_ISSUANCE_REQUESTS)), ...withWatchLast(some)],
    renewal: withWatchLast(others),
    deletion: random.shuffled(pointsOf(DECOMMISSION_REQUESTS)),
  };
}

/** The watch is taken over 10 s after a kill, and so seldom alive while there is a kill every few seconds. */
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
