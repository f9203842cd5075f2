/** Has the thread of the workflows load no gRPC client, of which it uses nothing. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const IMPORT = 'const grpc = __importStar(require("@grpc/grpc-js"));\n';
const USE = 'new grpc.Metadata()';

/**
 * Has the module of the native core's errors load the client when a request to Temporal fails, which happens in the main
 * thread alone. There it is loaded already.
 * @param nodeModules folder in which the Temporal SDK is.
 * @throws Error where the SDK's module is another than expected.
 */
export function loadGrpcLate(nodeModules: string): void {
  const file = join(nodeModules, '@temporalio/core-bridge/lib/errors.js');
  const text = readFileSync(file, 'utf8');
  if (!text.includes(IMPORT) || text.split('grpc.').length !== 2 || !text.includes(USE))
    throw new Error(`${file} does not use the one class of @grpc/grpc-js that is expected`);
  // Not written in place: the file may be a link to that of another folder.
  rmSync(file);
  writeFileSync(file, text.replace(IMPORT, '').replace(USE, 'new (require("@grpc/grpc-js").Metadata)()'));
}
