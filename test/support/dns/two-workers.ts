/** Every order in which two workers publish and withdraw values at one name. */

export interface WorkerStep {
  readonly worker: 0 | 1;
  readonly action: 'publish' | 'withdraw';
  readonly value: string;
}

/**
 * Every order in which each value is published and later withdrawn, each step by either of two workers. The values are
 * published in the given order, and the first worker begins: other orders differ by names only.
 */
export function stepsOfTwoWorkers(values: readonly string[]): readonly (readonly WorkerStep[])[] {
  const orders = extend([], values, []);
  return orders.flatMap((order) =>
    Array.from({ length: 2 ** (order.length - 1) }, (_, bits) =>
      order.map((step, n) => ({ ...step, worker: n > 0 && (bits >> (n - 1)) % 2 === 1 ? (1 as const) : (0 as const) })),
    ),
  );
}

type Step = Omit<WorkerStep, 'worker'>;

function extend(
  begun: readonly Step[],
  toPublish: readonly string[],
  published: readonly string[],
): readonly (readonly Step[])[] {
  const [next, ...later] = toPublish;
  if (next === undefined && published.length === 0) return [begun];
  const publishing =
    next === undefined ? [] : extend([...begun, { action: 'publish', value: next }], later, [...published, next]);
  const withdrawing = published.flatMap((value) =>
    extend(
      [...begun, { action: 'withdraw', value }],
      toPublish,
      published.filter((other) => other !== value),
    ),
  );
  return [...publishing, ...withdrawing];
}
