import { SharedValues } from '../../cache/shared-values.ts';
import type { PlatformView } from '../../clusters/cluster-view.ts';

const platforms = new SharedValues<PlatformView>();

/** One object for equal platforms: those of most clusters of a fleet are. */
export function sharedPlatform(platform: PlatformView): PlatformView {
  return platforms.get(JSON.stringify(platform), platform);
}
