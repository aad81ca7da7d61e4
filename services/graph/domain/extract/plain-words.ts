/** Words that are written with a capital and name nobody, written down by us: a name neither begins with one nor runs over it. */
export const PLAIN_WORDS: readonly string[] = `
I A An The This That These Those My Your His Her Its Our Their He She It We You They Me Him Us Them Who Whom Whose Which What When Where
Why How There Here Then Thence Thither Hither Hence Now Today Tomorrow Yesterday Tonight Soon Later Once Twice Again Also Only Even Still
Yet Just Not No Yes Nor Or And But So If As At By For From In Into Of Off On Onto Out Over Through To Toward Towards Under Until Up Upon
With Within Without After Afterwards Against Among Around Before Behind Below Beneath Beside Besides Between Beyond Despite Down During
Except Inside Like Near Outside Past Since Than Though Although Because While Whereas Unless Whether Whatever Whoever Whenever However
Therefore Thus Hereupon Thereupon Whereupon Moreover Meanwhile Instead Perhaps Maybe Indeed Anyway Otherwise Else Ever Never Always Often
Sometimes Usually Finally Firstly Secondly Lastly Next Last First Second Third One Two Three Four Five Six Seven Eight Nine Ten Some Any
Each Every All Both Either Neither Many Much More Most Few Several Such Other Others Another Same Own Am Is Are Was Were Be Been Being Do
Does Did Done Have Has Had Having Can Could May Might Must Shall Should Would Let Lets Get Got Go Going Gone Went Come Came Coming Make Made
Take Took Give Gave Say Said Says See Saw Seen Know Knew Think Thought Look Looked Find Found Tell Told Ask Asked Use Used Try Keep Kept
Leave Left Put Set Sat Stand Stood Lay Lie Lying Rose Rise Wake Awake Waked Slept Sleep Dined Supped Drank Eat Ate Called Being Walked
Please Thanks Thank Hello Hi Hey Dear Oh Ah Well Okay OK Sure Lo Lord God Gods Heaven Heavens Hell Christ Jesus Saviour Devil Providence
Nature Fortune Fate Death Love War Peace Truth Justice Liberty Reason Time Sunday Monday Tuesday Wednesday Thursday Friday Saturday Sundays
Mondays Fridays January February March April June July August September October November December Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct
Nov Dec Spring Summer Autumn Fall Winter Christmas Easter Lent Whitsunday Whitsuntide Michaelmas Candlemas Epiphany Twelfth Day Night
Morning Afternoon Evening Noon Week Month Year Early Late Very Quite Rather Pretty Great Good Old New Young Little Big Small High Low Long
Short Busy Merry Mighty Weary Poor Rich Fine Home Abroad Office House City Town Country Kingdom State Church Court Hall Park River Street
Chapter Part Section Book Volume Page Figure Table Note Notes Scene Act Act Draft Title Author Editor Summary Introduction Conclusion
English French Dutch Spanish German Italian Irish Scottish Scots Welsh British American Roman Greek Russian Chinese Japanese Swedish
Danish Norwegian Finnish Polish Turkish Portuguese Indian African European Asian Latin Hebrew Arabic Persian Jewish Christian Catholic
Protestant Presbyterian Quaker Quakers Puritan Muslim Islam Buddhist Hindu Papist Papists Popery Midsummer Christmasse Physicians Sheriffs Dukes Princes Kings Queens Earls Popes Officers Englishman Englishmen Frenchman Dutchman Dutchmen
Spaniard Spaniards Frenchmen Turk Turks Jew Jews Jesuit Jesuits Indiaman Indiamen Victorian Gothic Renaissance Bible Testament Gospel Psalm
Psalms Genesis Exodus Scripture Mass Communion Commonwealth Crown Government Majesty Highness Lordship Ladyship Excellency Honour Grace
King Queen Prince Princess Duke Duchess Lords Commons Ladies Gentlemen Gentleman Captain Captains Doctor Doctors Colonel Lieutenant Admiral
Treasurer Comptroller Surveyor Chancellor Secretary Clerk Clerke Clerks Steward Chamberlain Commander Commissioner Commissioners Bishops
Bishop Attorney Auditor Ambassador Embassador Embassadors President Mayor Alderman Aldermen Judge Judges Sheriff Parson Purser Pursers
Surgeon Master Mistress Madam Sir Father Mother Brother Sister Uncle Aunt Cousin Mum Mom Mummy Mommy Dad Daddy Papa Mama Granny Grandma
Grandpa Boy Girl Guards Army Fleet Bill Board Speaker Yard Yards Custom Customes Customs Excise Revenue Poll Victuallers Victualling
Contract Account Accounts Michaelmasse Lordships Sabbath Shrove Ash Holy Saint Saints Act Parson Painter Paynter Cook Tailor
Jupiter Saturn Saturne Mars Venus Mercury Moon Sun Earth Internet Web English
Add Added Adds Fix Fixed Fixes Remove Removed Update Updated Updates Merge Merged Revert Refactor Bump Rename Move Moved Create Created
Delete Deleted Change Changed Changes Improve Support Allow Implement Handle Ensure Check Test Tests Build Run Release Version Feature Bug
Issue Error Warning Todo Docs Readme License Changelog Signed Reviewed Acked Co-authored-by Signed-off-by Reviewed-by Closes Refs Resolves
Python Java Rust Go Ruby Swift Kotlin Scala Perl Haskell Docker Kubernetes Linux Unix Ubuntu Debian Windows Android Apple Amazon Chrome
Firefox Safari Node React Angular Vue Svelte Django Flask Rails Spring Redis Postgres Mongo Kafka Jest Vitest Mocha Babel Webpack Vite Git
Bash Zsh Vim Emacs Markdown Unicode Excel Word Slack Zoom Twitter Claude Gemini Copilot Alexa Siri Jenkins Terraform Ansible Nginx Apache
Neo Promise Object Array String Number Boolean Map Date Buffer Stream Server Client User Users Admin Internet Email Mail Web Cloud Data
Model Agent Assistant System Prompt Response Question Answer Option Step Phase Stage Level Type Class Method Function Module Package File
`
  .trim()
  .split(/\s+/);

/** Nouns after which a single capital counts or marks and begins no name: `plan B`, `vitamin C`. */
export const LETTERED_NOUNS: ReadonlySet<string> = new Set(
  "plan vitamin type class grade section part appendix option figure chapter hepatitis model variable version step item point group category letter column row act side team room block platform exhibit".split(
    " ",
  ),
);
