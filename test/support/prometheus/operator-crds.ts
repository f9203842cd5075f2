/** The CustomResourceDefinitions of Prometheus Operator, as its Go module has them. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { goCommand } from '../../../local/stack/build/go-toolchain.ts';
import { progressOn } from '../../../local/stack/progress.ts';
import { TEST_TIMEOUT_MS } from '../vitest/timeouts.ts';

const PINNED = fileURLToPath(new URL('../../../local/tools/prometheus-operator', import.meta.url));
const MODULE = 'github.com/prometheus-operator/prometheus-operator';
const moduleSchema = z.object({ Dir: z.string() });

/**
 * Downloads the pinned module through Go's module proxy (4 MB, once) into Go's cache, and verifies it by go.sum.
 * @param kinds such as `ServiceMonitor`. @returns the path of the file of each. @throws with the output of the go command.
 */
export async function operatorCrds(kinds: readonly string[]): Promise<readonly string[]> {
  const go = await goCommand({ progress: progressOn(process.stderr) });
  const { stdout } = await promisify(execFile)(go, ['mod', 'download', '-json', MODULE], {
    cwd: PINNED,
    env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    timeout: TEST_TIMEOUT_MS,
  });
  const { Dir } = moduleSchema.parse(JSON.parse(stdout));
  return kinds.map((kind) =>
    join(Dir, 'example/prometheus-operator-crd', `monitoring.coreos.com_${kind.toLowerCase()}s.yaml`),
  );
}
