// Every test of the admin pages, in one browser. The program browser_test runs this.

import './words.mjs';
import './sign_in.mjs';
import './songs.mjs';
import './song_and_others.mjs';
import './export.mjs';
import './hostile.mjs';
import './looks.mjs';
