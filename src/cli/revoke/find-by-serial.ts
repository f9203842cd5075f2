import { canonicalSerial } from '../../campaigns/serial-number.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { type ClusterName, parseClusterName, UsageError } from '../arguments.ts';
import { selectCertificates } from '../campaign/select-certificates.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { commandLine } from '../program-name.ts';
import type { TimeBound } from '../time-bound.ts';

/** The cluster whose certificate in use has a serial number. @throws UsageError where there is none, or several. */
export async function clusterOfSerial(
  serial: string,
  connection: KubeConnection,
  bound: TimeBound,
): Promise<ClusterName> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const serialNumbers = new Set([canonicalSerial(serial) ?? serial]);
  const { certificates } = await withKubernetes(
    (kubernetes) => selectCertificates(kubernetes, managementCluster, { serialNumbers }),
    connection,
    bound.signal(),
  );
  const clusters = [...new Set(certificates.map(({ cluster }) => cluster))];
  const [only] = clusters;
  if (only !== undefined && clusters.length === 1) return parseClusterName(only);
  if (clusters.length > 1) throw new UsageError(`${clusters.join(' and ')} have certificate ${serial}; name one`);
  throw new UsageError(
    `no certificate in use has the serial number ${serial.slice(0, 100)}; to revoke an older one, name its cluster (its certificates: ${commandLine('history <cluster>')})`,
  );
}
