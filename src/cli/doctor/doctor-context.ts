import type { Configuration } from '../../configuration/load-configuration.ts';
import type { ClusterName } from '../arguments.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import type { OpenTemporal } from '../temporal-client.ts';

/** What the checks are made from. */
export interface DoctorContext {
  /** The settings of this environment; undefined where they are wrong, which a check of their own says. */
  readonly configuration: Configuration | undefined;
  readonly connection: KubeConnection;
  /** Before an installation: nothing of certman is there yet. */
  readonly preInstall: boolean;
  /** The cluster that is looked at as well. */
  readonly cluster: ClusterName | undefined;
  readonly openTemporal: (connectMs: number) => Promise<OpenTemporal>;
  /** Called in any order once every check has its answer. */
  readonly onClose: (close: () => Promise<void>) => void;
}
