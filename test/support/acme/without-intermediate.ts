import type { FaultProxy } from '../faults/fault-proxy.ts';

/** Drops the last certificate of every chain that the CA serves, default and alternate. */
export function withoutIntermediate(proxy: FaultProxy): { readonly hits: () => number; readonly remove: () => void } {
  return proxy.inject({
    when: ({ path }) => path.startsWith('/certZ/'),
    fault: { kind: 'changeBody', change: withoutLast },
  });
}

function withoutLast(chainPem: string): string {
  return chainPem.slice(0, chainPem.lastIndexOf('-----BEGIN CERTIFICATE-----'));
}
