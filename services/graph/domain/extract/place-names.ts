/**
 * Well known places, written down by us: continents, countries, large cities, the towns of England, and London as its diarists name it
 * (with some of their spellings). A longer name is one of its own: `Hyde Park` needs no line, its last word says what it is.
 */
export const PLACE_NAMES: readonly string[] = `
Africa|America|Asia|Europe|Australia|Antarctica|Scandinavia
England|Scotland|Wales|Ireland|Britain|Great Britain|United Kingdom|UK|United States|USA|France|Spain|Portugal|Holland|Netherlands
Belgium|Flanders|Germany|Austria|Switzerland|Italy|Greece|Turkey|Poland|Hungary|Romania|Bulgaria|Serbia|Croatia|Bosnia|Slovenia
Slovakia|Ukraine|Russia|Sweden|Norway|Denmark|Finland|Iceland|Estonia|Latvia|Lithuania|Malta|Cyprus|Egypt|Morocco|Algeria|Tunisia
Libya|Sudan|Ethiopia|Kenya|Nigeria|Ghana|Senegal|Guinea|Uganda|Tanzania|Rwanda|Zambia|Zimbabwe|Mozambique|Angola|Namibia|South Africa
Israel|Palestine|Lebanon|Syria|Jordan|Iraq|Iran|Persia|Afghanistan|Pakistan|India|Bangladesh|Nepal|Tibet|China|Mongolia|Japan|Korea
North Korea|South Korea|Vietnam|Thailand|Cambodia|Laos|Malaysia|Singapore|Indonesia|Philippines|Taiwan|New Zealand|Canada|Mexico|Cuba
Jamaica|Haiti|Panama|Colombia|Venezuela|Peru|Bolivia|Brazil|Argentina|Chile|Uruguay|Paraguay|Ecuador|Saudi Arabia|Arabia|Yemen|Oman
Qatar|Dubai|Kuwait|East Indies|West Indies|Barbados|Bantam|Surinam|Bombay|Tangier|Virginia|New England|Brasil|Barbadoes
London|Paris|Berlin|Vienna|Rome|Madrid|Barcelona|Lisbon|Brussels|Antwerp|Bruges|Ghent|Amsterdam|Rotterdam|The Hague|Hague|Hamburg
Hambro|Munich|Cologne|Frankfurt|Leipzig|Dresden|Stuttgart|Düsseldorf|Bremen|Hanover|Heidelberg|Zurich|Zürich|Geneva|Basel|Bern|Prague
Warsaw|Krakow|Kraków|Danzig|Gdansk|Budapest|Belgrade|Zagreb|Sarajevo|Sofia|Bucharest|Athens|Istanbul|Constantinople|Ankara|Smyrna
Moscow|St. Petersburg|Leningrad|Kiev|Kyiv|Odessa|Lviv|Minsk|Riga|Tallinn|Vilnius|Helsinki|Stockholm|Gothenburg|Malmö|Uppsala|Oslo
Bergen|Copenhagen|Aarhus|Reykjavik|Dublin|Cork|Galway|Belfast|Edinburgh|Glasgow|Aberdeen|Dundee|Cardiff|Swansea|Venice|Florence
Naples|Milan|Turin|Genoa|Bologna|Pisa|Siena|Palermo|Messina|Leghorn|Marseilles|Marseille|Lyon|Lyons|Bordeaux|Toulouse|Nantes|Nice|Brest
Rouen|Calais|Dunkirk|Dieppe|Strasbourg|Seville|Cadiz|Cales|Granada|Valencia|Malaga|Gibraltar|Porto|Cairo|Alexandria|Jerusalem|Beirut
Damascus|Aleppo|Baghdad|Tehran|Kabul|Karachi|Lahore|Delhi|New Delhi|Mumbai|Calcutta|Kolkata|Madras|Chennai|Bangalore|Bengaluru
Hyderabad|Kathmandu|Lhasa|Beijing|Peking|Shanghai|Canton|Guangzhou|Shenzhen|Hong Kong|Macau|Taipei|Tokyo|Kyoto|Osaka|Seoul|Pyongyang
Hanoi|Saigon|Bangkok|Manila|Jakarta|Sydney|Melbourne|Brisbane|Perth|Adelaide|Auckland|Wellington|Nairobi|Lagos|Accra|Dakar|Addis Ababa
Johannesburg|Cape Town|Casablanca|Marrakesh|Algiers|Tunis|Tripoli|New York|Boston|Philadelphia|Washington|Chicago|Detroit|Cleveland
Pittsburgh|Baltimore|Atlanta|Miami|New Orleans|Houston|Dallas|Austin|Denver|Phoenix|Seattle|Portland|San Francisco|Los Angeles|Oakland
San Diego|San Jose|Las Vegas|Salt Lake City|Minneapolis|St. Louis|Honolulu|Toronto|Montreal|Ottawa|Vancouver|Quebec|Mexico City|Havana
Bogotá|Bogota|Caracas|Lima|Santiago|Buenos Aires|Montevideo|Rio de Janeiro|São Paulo|Sao Paulo|Brasília
California|Texas|Florida|Oregon|Massachusetts|Pennsylvania|Ohio|Michigan|Illinois|Wisconsin|Minnesota|Colorado|Arizona|Nevada|Utah
Montana|Alaska|Hawaii|Louisiana|Tennessee|Kentucky|Maryland|New Jersey|New Mexico|Manhattan|Brooklyn|Queens|Harlem|Silicon Valley
Normandy|Brittany|Burgundy|Provence|Bavaria|Prussia|Saxony|Bohemia|Silesia|Tuscany|Lombardy|Sicily|Sardinia|Corsica|Crete|Catalonia
Andalusia|Castile|Galicia|Siberia|Crimea|Caucasus|Balkans|Alps|Pyrenees|Himalayas|Andes|Sahara|Jutland|Zealand|Scania|Lapland
Thames|Seine|Rhine|Danube|Volga|Nile|Amazon River|Mississippi|Ganges|Tiber|Severn|Medway|Baltic|Mediterranean|Atlantic|Pacific|Streights
Kent|Surrey|Surry|Sussex|Essex|Suffolk|Norfolk|Hertfordshire|Bedfordshire|Huntingdonshire|Cambridgeshire|Northamptonshire|Berkshire
Buckinghamshire|Oxfordshire|Hampshire|Wiltshire|Dorset|Dorsetshire|Somerset|Somersetshire|Devon|Devonshire|Cornwall|Gloucestershire
Worcestershire|Warwickshire|Staffordshire|Shropshire|Cheshire|Lancashire|Yorkshire|Durham|Northumberland|Cumberland|Derbyshire
Nottinghamshire|Leicestershire|Lincolnshire|Middlesex
Cambridge|Oxford|Bristol|Bath|Salisbury|Winchester|Southampton|Portsmouth|Plymouth|Exeter|Dartmouth|Falmouth|Weymouth|Dover|Deal|Deale
Sandwich|Margate|Canterbury|Rochester|Chatham|Gravesend|Maidstone|Harwich|Colchester|Chelmsford|Ipswich|Norwich|Yarmouth|Lynn|Ely
Newmarket|Bury|Huntingdon|Hinchingbroke|Hinchinbroke|Hinchingbrooke|Brampton|Bedford|Luton|Hatfield|Ware|Puckeridge|Hertford|St. Albans
Barnet|Epsom|Guildford|Petersfield|Windsor|Reading|Newbury|Hungerford|Marlborough|Gloucester|Worcester|Hereford|Shrewsbury|Coventry
Birmingham|Warwick|Stratford|Leicester|Nottingham|Derby|Lincoln|Hull|York|Leeds|Bradford|Sheffield|Manchester|Liverpool|Lancaster|Chester
Newcastle|Sunderland|Carlisle|Berwick|Brighton|Hastings|Stonehenge|Buntingford|Baldock|Stevenage|Biggleswade|Sheerness|Queenborough
Whitehall|White Hall|Westminster|Southwark|Lambeth|Deptford|Greenwich|Woolwich|Blackwall|Redriffe|Rotherhithe|Limehouse|Ratcliffe
Wapping|Poplar|Bow|Hackney|Islington|Highgate|Hampstead|Kingsland|Stepney|Mile End|Walthamstow|Wanstead|Barking|Dagenham|Dagenhams
Chelsea|Chelsey|Kensington|Hammersmith|Fulham|Putney|Wandsworth|Clapham|Battersea|Vauxhall|Foxhall|Fox Hall|Richmond|Kingston|Twickenham
Hampton|Brentford|Brainford|Acton|Uxbridge|Croydon|Camberwell|Newington|Holborn|Smithfield|Moorfields|Spitalfields|Clerkenwell|Shoreditch
Bishopsgate|Aldgate|Allgate|Ludgate|Newgate|Cripplegate|Moorgate|Billingsgate|Cheapside|Cornhill|Cornehill|Leadenhall|Minories|Strand|Pall Mall
Covent Garden|Charing Cross|Charing Crosse|Whitefriars|White Friars|Blackfriars|Somersett House|Bridewell|Bedlam|Soho|Mayfair|Bloomsbury
Camden|Notting Hill|Paddington|Marylebone|Piccadilly|Haymarket|Bankside|Battersea|Brixton|Canary Wharf|Heathrow|Nonsuch|Nonesuch
Rotherhith|Erith|Eriffe|Gravesend|Lee|Eltham|Bromley|Tottenham|Edmonton|Theobalds|Audley End|Epping|Romford|Rumford|Ilford|Tilbury|Nore
Dulwich|Peckham|Lewisham|Wimbledon|Mortlake|Kew|Chiswick|Ealing|Harrow|Enfield|Waltham|Bethnal Green|Tower Hill|Tower-hill
`
  .trim()
  .split(/[|\n]/);

/** What a place is called by its last word: `Fleet Street`, `Hyde Park`, `Westminster Hall`. */
export const PLACE_HEADS: readonly string[] = `
Street Lane Road Avenue Alley Row Square Hill Hall Park House Bridge Church Churchyard Cathedral Abbey Chapel Priory Palace Castle Yard
Dock Dockyard Stairs Wharf Quay Gate Field Fields Garden Gardens Green Heath Common Forest Forrest Wood Woods Marsh Island Islands Isle
Bay Harbour Harbor Point Cape Lake River Creek Valley Mountain Mountains Mount Peninsula Desert Ocean Sea Channel Strait Straits Tavern
Inn Hotel Alehouse Playhouse Theatre Theater Museum Library Station Airport Port Tower Court Place Terrace Crescent Close Walk Market
Exchange Hospital Prison Cemetery County Province Village Town City Beach Farm Mill Manor Lodge Grange Plaza Boulevard Pier Arms Head
Schoole School Wells Spring Cross Corner Mews
`
  .trim()
  .split(/\s+/);

/** What comes before a place's name: `Mount Etna`, `River Thames`. */
export const PLACE_OPENERS: readonly string[] =
  "Mount Lake River Fort Cape Isle Port Forest Forrest Bay Gulf Strait Straits Tower".split(" ");

/** Small letters that still end a place's name: `Lombard street`. */
export const SMALL_PLACE_HEADS: ReadonlySet<string> = new Set([
  "street",
  "lane",
  "playhouse",
  "churchyard",
  "fields",
  "stairs",
]);

/** What hung over the doors of taverns and shops: places after `at the`, `to the`. */
export const SIGNS: readonly string[] = `
Dolphin Swan Crown Mitre Miter Leg Sun Bell Bear Cock Globe Ship Star Rose Fleece Bull Angel George Castle Feathers Hoop Harp Fountain
Greyhound Chequer Chequers Steelyard Stillyard Lion Hart Horse Anchor Plough Griffin Phoenix Unicorn Raven Eagle Pelican Falcon
Half-Moon Wheatsheaf Bluebell
`
  .trim()
  .split(/\s+/);

/** Places that are called by an ordinary word with an article: `the Tower`. */
export const PLACES_WITH_ARTICLE: readonly string[] = `
Temple Tower Wardrobe Cockpit Exchange Change Nursery Mews Strand Minories Downs Fleet Marshalsea Clink Bankside Acropolis Louvre Bastille
Colosseum Pantheon Vatican Kremlin Hebrides Highlands Hague Savoy Charterhouse Thames Seine Rhine Danube Volga Nile Mississippi Ganges
Tiber Severn Medway Baltic Mediterranean Atlantic Pacific Netherlands Philippines Alps Pyrenees Himalayas Andes Sahara Caucasus Balkans
Crimea Streights Nore USA UK
`
  .trim()
  .split(/\s+/);

/** Places whose names are ordinary words: believed after `at`, `in`, `to`. */
export const AMBIGUOUS_PLACES: readonly string[] = `
Reading Nice Bath Deal Bow Cork Ware Hull Bury Poplar Turkey Phoenix China Sandwich Lynn Lee Derby Lincoln Wellington Kingston Durham
Chester Lancaster Warwick Coventry Richmond Chelsea Sofia Austin Jordan Virginia Georgia Florence Sydney Victoria Washington Pacific
Harrow Acton Queens Lyons Perth Chile Guinea Barking Deale Bedford Essex Norfolk Suffolk Kent York Newcastle Hastings
`
  .trim()
  .split(/\s+/);

/** Plain words that the names of places begin with: `Old Swan`. */
export const OPENS_PLACES: ReadonlySet<string> = new Set(
  "Old New Great Little North South East West High Long Holy Custom Custome Crown Church Spring River".split(" "),
);
