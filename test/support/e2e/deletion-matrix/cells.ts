/** The matrix of docs/deletion.md: the states in which a cluster is deleted, and the faults during the deletion. */

/** Column titles of the table. */
export const STATES = {
  uninstalled: 'not installed',
  issuing: 'first order under way',
  ready: 'Ready',
  renewing: 'renewal under way',
  failing: 'renewal failing',
  waiting: 'Waiting (no names)',
  paused: 'Paused',
  moved: 'moved to another management cluster',
  expired: 'expired',
} as const;

/** State of a cluster when it is deleted. */
export type State = keyof typeof STATES;

/** Row titles of the table. */
export const FAULTS = {
  none: 'nothing',
  secret: 'Secret gone first',
  revoked: 'certificate revoked by others',
  zone: 'hosted zone gone',
  forced: 'ClusterDeployment gone first',
  namespace: 'namespace terminating',
  unmanaged: 'gate closed (label removed)',
  outage: 'CA unavailable for a while',
  foreign: 'account is another one',
  unknown: 'account unknown to the CA',
  keys: 'AWS credentials gone',
  missing: 'account gone, put back (`wait`)',
  mislaid: 'AWS credentials gone, put back (`wait`)',
  operator: 'account gone, `certman release` (`wait`)',
} as const;

/** What is wrong during the deletion. */
export type Fault = keyof typeof FAULTS;

/** A combination that is tested. */
export interface Cell {
  readonly state: State;
  readonly fault: Fault;
}

const WITH_CERTIFICATE = ['ready', 'renewing', 'failing', 'paused'] as const;
const SERVED = ['issuing', ...WITH_CERTIFICATE, 'waiting', 'expired'] as const;

/**
 * The combinations that can occur. A cluster that is not installed has nothing that a fault affects; a cluster with no order in
 * progress needs neither AWS nor a zone; a cluster without a certificate has none to revoke or delete.
 */
const COMBINATIONS: Readonly<Record<Fault, readonly State[]>> = {
  none: ['uninstalled', ...SERVED, 'moved'],
  secret: [...WITH_CERTIFICATE, 'expired'],
  revoked: WITH_CERTIFICATE,
  zone: ['issuing', ...WITH_CERTIFICATE],
  forced: [...SERVED, 'moved'],
  namespace: SERVED,
  unmanaged: ['issuing', 'ready', 'renewing', 'failing', 'waiting'],
  outage: [...SERVED, 'moved'],
  foreign: SERVED,
  unknown: SERVED,
  keys: ['issuing', ...WITH_CERTIFICATE],
  missing: SERVED,
  mislaid: ['issuing', 'renewing'],
  operator: ['ready'],
};

/** @returns the cells in the rows of these faults. */
export function cellsOf(...faults: readonly Fault[]): readonly Cell[] {
  return faults.flatMap((fault) => COMBINATIONS[fault].map((state) => ({ state, fault })));
}

/** Faults during which the CA cannot be asked whether it issued a certificate for an order. */
const CA_OUT_OF_REACH: ReadonlySet<Fault> = new Set(['outage', 'unknown', 'missing']);

/** Every fault, in the order of the rows. */
export const ALL_FAULTS = Object.keys(FAULTS) as readonly Fault[];

/** Content of a cell. */
export interface CellOutcome {
  /** Outcome in the words of the table. */
  readonly words: string;
  /** Reason of the condition Failing while the decommission was blocked. */
  readonly blockedReason?: string;
}

/** @param outcomes by `cellKey`. @returns the table, Markdown. */
export function matrixTable(outcomes: ReadonlyMap<string, CellOutcome>): string {
  const states = Object.keys(STATES) as readonly State[];
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    row(['what is wrong', 'reason while it waits', ...states.map((state) => STATES[state])]),
    row(['---', '---', ...states.map(() => '---')]),
    ...ALL_FAULTS.map((fault) => {
      const cells = states.map((state): Cell => ({ state, fault }));
      const reasons = new Set(cells.flatMap((cell) => outcomes.get(cellKey(cell))?.blockedReason ?? []));
      const texts = cells.map((cell) => cellText(cell, outcomes.get(cellKey(cell))));
      return row([FAULTS[fault], [...reasons].map((reason) => `\`${reason}\``).join(', '), ...texts]);
    }),
  ].join('\n');
}

function cellText(cell: Cell, outcome: CellOutcome | undefined): string {
  if (outcome === undefined) return '–';
  if (mayWait(cell)) return `may wait, ${outcome.words}`;
  return outcome.blockedReason === undefined ? outcome.words : `waits, ${outcome.words}`;
}

/** An order cancelled between two attempts does not say whether it was finalized; one cancelled within an attempt does. */
function mayWait({ state, fault }: Cell): boolean {
  return state === 'issuing' && CA_OUT_OF_REACH.has(fault);
}

/** @returns the key of a cell, which is also the name of its cluster. */
export function cellKey({ state, fault }: Cell): string {
  return `${fault}-${state}`;
}
