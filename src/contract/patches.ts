/** An order publishes and verifies in one activity, and is completed in one (`publishAndVerify`, `completeOrder`). */
export const COMPLETE_ORDER_PATCH = 'complete-order';

/**
 * A placed order is fulfilled by one activity (`fulfillOrder`), which also reports the certificate. Asked for before
 * {@link COMPLETE_ORDER_PATCH}, which a run with it then does not ask for.
 */
export const FULFILL_ORDER = 'fulfill-order';

/**
 * `clusterCertificates`: a new cluster is evaluated inside its first workflow task. Asked for before {@link BUNDLES_TOGETHER},
 * which a run with it then does not ask for.
 */
export const FIRST_TASK = 'first-task';

/** `clusterCertificates`: one activity evaluates bundles together, and search attributes are published once a task. */
export const BUNDLES_TOGETHER = 'bundles-together';

/** `clusterCertificates`: the budget moves an order that waits. Asked for only when it does, not at the start of a run. */
export const ORDER_MOVED = 'order-moved';

/** `caBudget`: orders that are not wanted any more release their turns. Asked for only when they do. */
export const ORDERS_RELEASED = 'orders-released';

/** `certificateIssuance`: an order is proved at the staging CA. Asked for only where one was placed there. */
export const STAGING_PROOF = 'staging-proof';

/** Records of `dns-persist-01` stay in the zone after an order. Asked for only by orders, and decommissions, that have such. */
export const PERSISTENT_RECORDS = 'persistent-records';

/** `clusterCertificates`: a campaign asks for a certificate. Asked for only when it does, not at the start of a run. */
export const CAMPAIGNS = 'campaigns';

/** `clusterCertificates`: a requested renewal is kept until it is fulfilled. Asked for only when one is requested. */
export const RENEWAL_REQUESTS = 'renewal-requests';

/** `clusterCertificates`: an operator requests the revocation of a certificate. Asked for only when one does. */
export const REVOCATION_REQUESTS = 'revocation-requests';

/**
 * `clusterCertificates`: an order that waits gives up its turn when its cluster moves, or its standalone request is claimed; after
 * a pause or a move, it asks for a new one. Asked for only where an order waits.
 */
export const TURN_GIVEN_UP = 'turn-given-up';

/** `clusterCertificates`: a planned renewal that is due waits. Asked for only when it does, not at the start of a run. */
export const RENEWAL_WINDOWS = 'renewal-windows';

/**
 * `clusterCertificates`: a certificate that a campaign or an operator had replaced is in the Secret again, and its revocation waits
 * for another replacement. Asked for only where that is so.
 */
export const PUT_BACK = 'put-back';

/** `clusterCertificates`: a requested renewal is withdrawn. Asked for only where one is. */
export const RENEWAL_WITHDRAWN = 'renewal-withdrawn';

/** `clusterCertificates`: pending requests of operators are handed over with a claimed request. Asked for only where there are such. */
export const REQUESTS_HANDED_OVER = 'requests-handed-over';

/**
 * `clusterCertificates`: search attributes follow what is requested, and other bundles, too. Asked for only where nothing else has
 * changed, or where there is such.
 */
export const ALSO_PUBLISHED = 'also-published';

/**
 * `certificateIssuance`: the activity that places an order goes on to fulfill it (`placeOrder` with `fulfill`). Asked for only by
 * orders whose records do not stay in the zone. A worker that does not know it goes on with no order by itself, and fails the task
 * that follows one that another worker has fulfilled, until a worker takes it that does.
 */
export const FULFILL_WITH_PLACEMENT = 'fulfill-with-placement';

/**
 * Names of the `patched` markers in workflow code, oldest first. Each is a change of commands that runs in progress do
 * not take part in (docs/decisions/upgrades.md). test/workflows/replay.test.ts compares the list with the histories.
 */
export const PATCHES = [
  COMPLETE_ORDER_PATCH,
  BUNDLES_TOGETHER,
  ORDER_MOVED,
  ORDERS_RELEASED,
  STAGING_PROOF,
  PERSISTENT_RECORDS,
  FULFILL_ORDER,
  CAMPAIGNS,
  RENEWAL_REQUESTS,
  REVOCATION_REQUESTS,
  TURN_GIVEN_UP,
  RENEWAL_WINDOWS,
  PUT_BACK,
  RENEWAL_WITHDRAWN,
  REQUESTS_HANDED_OVER,
  FIRST_TASK,
  ALSO_PUBLISHED,
  FULFILL_WITH_PLACEMENT,
] as const satisfies readonly string[];

/**
 * Not a marker. Held back, new clusters have all patches by markers, as with versions before it: those continue no run that has
 * a patch by its input alone.
 */
export const PATCHES_IN_INPUT = 'patches-in-input';

/**
 * Patches that every version knows which may run beside this one, or before it during an upgrade: one that does not would run a
 * new cluster without the patch, and leave no marker that says so. With {@link FULFILL_WITH_PLACEMENT}, that has the same commands.
 */
const GIVEN_PATCHES: readonly string[] = [FIRST_TASK, FULFILL_ORDER, FULFILL_WITH_PLACEMENT];

/**
 * Those that the run of a new cluster, and its orders, have by their input. Each asked for by a marker is two events more, and a
 * write to Temporal's visibility. @param heldBack `CERTMAN_HELD_BACK_PATCHES`.
 */
export function givenPatches(heldBack: readonly string[] = []): readonly string[] {
  if (heldBack.includes(PATCHES_IN_INPUT)) return [];
  return GIVEN_PATCHES.filter((name) => !heldBack.includes(name));
}

/**
 * What a run takes over of its input's patches: any client of the namespace can start a run, and a patch that only a later version
 * gives is asked for by its marker. @returns undefined where the input has none, as that of an earlier version.
 */
export function patchesOfInput(given: unknown): readonly string[] | undefined {
  return Array.isArray(given) ? GIVEN_PATCHES.filter((name) => given.includes(name)) : undefined;
}

/** Those among them that are of orders. */
export function patchesOfOrders(given: readonly string[] | undefined): readonly string[] | undefined {
  return given?.filter((name) => name === FULFILL_ORDER || name === FULFILL_WITH_PLACEMENT);
}

/** Lower-case words joined by hyphens. @returns undefined when the text does not have that form. */
export function parsePatchId(text: string): string | undefined {
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text) ? text : undefined;
}

/** Those of the names that this version cannot hold back. */
export function unknownPatches(names: readonly string[]): readonly string[] {
  const known: readonly string[] = [...PATCHES, PATCHES_IN_INPUT];
  return names.filter((name) => !known.includes(name));
}

/** A warning about a held-back patch that this version does not have: misspelled, or of a newer version. */
export function unknownPatchText(name: string): string {
  return `CERTMAN_HELD_BACK_PATCHES: this version has no patch ${name}`;
}
