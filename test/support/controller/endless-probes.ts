import type { ServedCheck } from '../../../src/controller/controller-context.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';

/**
 * Probes that last until the controller stops. Test files share the API server: a controller that probes no cluster would
 * remove the conditions that the controller of another file has written.
 */
export const ENDLESS_PROBES: ServedCheck = {
  tls: {
    read: (_host, _port, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
  },
  roots: { of: () => new TrustStore([]) },
  intervalMs: 3_600_000,
  withinMs: 3_600_000,
};
