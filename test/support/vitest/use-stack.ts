/** The local stack that a test run has in common. */
import { inject } from 'vitest';
import { openStack, type Stack } from '../../../local/stack/stack.ts';

export interface TestStack extends Stack {
  /** Variables of a worker, with the rights of certman's ServiceAccount. */
  readonly workerEnvironment: Readonly<Record<string, string>>;
  /** A public zone that no other test has, answered for by DNS. */
  newZone(): Promise<{ readonly name: string; readonly zoneId: string }>;
}

/** Everything is shared with tests that run beside: make namespaces and zones of your own, leave the parts running. */
export function useStack(): TestStack {
  const { endpoints, workerEnvironment } = inject('stack');
  const stack = openStack(endpoints);
  return {
    ...stack,
    workerEnvironment,
    newZone: async () => {
      const name = `z${crypto.randomUUID().slice(0, 8)}.example.com`;
      return { name, ...(await stack.createZone(name)) };
    },
  };
}
