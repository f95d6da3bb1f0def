/** For `node --import`: makes `waygate` mean the sources, as it means the installed package for a user. */
import { registerSelf } from "../../src/load/self.ts";

registerSelf();
